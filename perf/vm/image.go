package vm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Image is the contents of an initramfs: paths in the machine without the first
// slash, and the files of this machine that they are copies of.
type Image struct {
	// Kernel is whose modules are in it.
	Kernel Kernel
	// Init is the path of perf/vm/guest.
	Init string
	// Files are further files and directories, by their path in the machine.
	Files map[string]string
	// Programs come from Root under their own paths, with the libraries that they need.
	Programs []string
	Root     root
	// Disk is set if the machine has a disk for a root.
	Disk bool
}

// needed are the modules of what the program and its tests use, where they are not
// built in: the machine's own devices; veth, VLAN and bridge; the filters of
// thr1 (xsk/stack.go); connection tracking; how sockets are listed; what the
// labs of the tests are built and broken with; and a disk's.
func needed(disk bool) []string {
	all := []string{
		"virtio_pci", "virtio_net", "virtio_console",
		"veth", "8021q", "bridge", "dummy", "macvlan", "tun",
		"sch_ingress", "cls_u32", "cls_bpf", "cls_matchall", "act_mirred", "act_gact", "sch_netem",
		"nf_conntrack", "nf_conntrack_netlink", "nf_tables", "nft_ct", "nft_nat", "nft_chain_nat", "nft_masq", "nft_redir", "nft_limit", "nft_log",
		"inet_diag", "tcp_diag", "udp_diag",
	}
	if disk {
		all = append(all, "virtio_blk", "ext4")
	}
	return all
}

// Write writes the image to a file.
func (i Image) Write(path string) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	b := builder{archive: archive{w: f}, made: make(map[string]bool)}
	for _, dir := range []string{"dev", "proc", "sys", "run", "tmp", "root"} {
		b.parents(dir + "/x")
	}
	// The kernel opens it as the first process's output.
	b.device("dev/console", 5, 1)
	for name, source := range i.Files {
		if err := b.copyTree(name, source); err != nil {
			return fmt.Errorf("vm: put %s into the image: %w", source, err)
		}
	}
	if err := b.copyFile("init", i.Init); err != nil {
		return err
	}
	if err := b.modules(i.Kernel, i.Disk); err != nil {
		return err
	}
	for _, p := range i.Programs {
		if err := b.program(i.Root, p); err != nil {
			return err
		}
	}
	return b.close()
}

// builder puts what is on this machine into an archive, everything once.
type builder struct {
	archive
	made map[string]bool
}

// parents makes the directories above a file.
func (b *builder) parents(name string) {
	dir := filepath.Dir(name)
	if dir == "." || b.made[dir] {
		return
	}
	b.parents(dir)
	b.made[dir] = true
	b.directory(dir)
}

func (b *builder) copyTree(name, source string) error {
	return filepath.WalkDir(source, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(source, path)
		if err != nil {
			return err
		}
		return b.copyFile(filepath.Join(name, rel), path)
	})
}

func (b *builder) copyFile(name, source string) error {
	if b.made[name] {
		return nil
	}
	b.made[name] = true
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	b.parents(name)
	b.file(name, int(info.Mode().Perm()), data)
	return nil
}

// modules puts the modules into a directory, in the order in which they are loaded.
func (b *builder) modules(k Kernel, disk bool) error {
	all, err := findModules(k.Modules)
	if err != nil {
		return err
	}
	order, err := all.closure(needed(disk)...)
	if err != nil {
		return fmt.Errorf("%w: %s", err, k.Release)
	}
	b.parents("modules/x")
	for i, m := range order {
		b.file(fmt.Sprintf("modules/%03d-%s", i, m.name), 0o644, m.data)
	}
	return nil
}

// program puts a program with its libraries where they are in the root.
func (b *builder) program(r root, name string) error {
	files, err := r.program(name)
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := b.copyFile(file, filepath.Join(r.dir, file)); err != nil {
			return fmt.Errorf("vm: put %s into the image: %w", file, err)
		}
	}
	return nil
}
