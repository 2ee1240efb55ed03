package process

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
)

// standing says whose a process is. Anybody can give theirs any name: the surer ones
// come first.
type standing int

const (
	ours     standing = iota // root's, or of the user that this process runs as
	others                   // another user's
	personal                 // another user's, in a session of their own
)

// standingOf judges by whom a process was begun and by where systemd has it: what users
// run in their sessions, or leave behind there, is in user-UID.slice (user@.service(5)),
// which it can't leave without rights. Of a unit it is so, too, if that goes through a
// login (su -l), so that nothing is left out for it alone.
func standingOf(pid int) standing {
	ids, err := users(pid)
	if err != nil {
		return others // it has ended
	}
	if trusted(ids[0]) {
		return ours
	}
	cgroup, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err == nil && inSession(cgroup, ids[0]) {
		return personal
	}
	return others
}

// trusted tells a user who can name any process: root, and this process's own.
func trusted(uid int) bool { return uid == 0 || uid == os.Geteuid() }

// inSession looks for a user's sessions in what proc says of a process's cgroups
// (cgroups(7)).
func inSession(cgroup []byte, uid int) bool {
	return bytes.Contains(cgroup, fmt.Appendf(nil, "/user-%d.slice/", uid))
}

// users are those that a process runs as, who has begun it first: real, effective, saved
// and of the file system (proc(5): status).
func users(pid int) ([]int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return nil, err
	}
	return parseUsers(status)
}

func parseUsers(status []byte) (ids []int, err error) {
	for line := range bytes.Lines(status) {
		fields := bytes.Fields(line)
		if len(fields) != 5 || string(fields[0]) != "Uid:" {
			continue
		}
		for _, f := range fields[1:] {
			id, err := strconv.Atoi(string(f))
			if err != nil {
				return nil, err
			}
			ids = append(ids, id)
		}
		return ids, nil
	}
	return nil, fmt.Errorf("a process without users: %w", fs.ErrInvalid)
}

// surest orders processes by whose they are, and those of one kind by age: the others
// are the oldest's children. Personal ones count where there are no others.
func surest(pids []int, of func(pid int) standing, began func(pid int) uint64) []int {
	kinds, begun := make(map[int]standing), make(map[int]uint64)
	for _, pid := range pids { // once each: one that ends meanwhile must not change its place
		kinds[pid], begun[pid] = of(pid), began(pid)
	}
	slices.SortStableFunc(pids, func(a, b int) int {
		return cmp.Or(cmp.Compare(kinds[a], kinds[b]), cmp.Compare(begun[a], begun[b]))
	})
	if first := slices.IndexFunc(pids, func(pid int) bool { return kinds[pid] == personal }); first > 0 {
		return pids[:first]
	}
	return pids
}
