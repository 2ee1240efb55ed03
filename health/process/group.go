package process

import "golang.org/x/sys/unix"

// Leads says whether a process is the first one of its group, as a server is that has
// put itself into the background (setsid(2)).
func Leads(pid int) bool {
	group, err := unix.Getpgid(pid)
	return err == nil && group == pid
}

// Left returns what has been left of a process group by its leader, which has ended.
// While anything is left, the kernel gives the group's number to no process: if there
// is one with it, the group is another's by now, and nothing is left.
func Left(group int) ([]int, error) {
	if alive(group) {
		return nil, nil
	}
	return all(func(pid int) bool {
		of, err := unix.Getpgid(pid)
		return err == nil && of == group && alive(pid)
	})
}
