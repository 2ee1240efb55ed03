package vm

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// module is a kernel module as it is loaded.
type module struct {
	name string
	data []byte
}

// modules are the modules of a kernel, by name; those that are built in have no
// path.
type modules map[string]string

// findModules looks through the directory of a kernel's modules.
func findModules(dir string) (modules, error) {
	all := make(modules)
	builtin, err := os.ReadFile(filepath.Join(dir, "modules.builtin"))
	if err != nil {
		return nil, fmt.Errorf("vm: read which modules are built in: %w", err)
	}
	for path := range strings.Lines(string(builtin)) {
		all[moduleName(strings.TrimSpace(path))] = ""
	}
	return all, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.Contains(filepath.Base(path), ".ko") {
			all[moduleName(path)] = path
		}
		return err
	})
}

// moduleName is a module's name, in which a dash is the same as an underscore.
func moduleName(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}

// closure is what has to be loaded for these modules, each after those that it
// depends on.
func (m modules) closure(names ...string) ([]module, error) {
	var order []module
	seen := make(map[string]bool)
	var add func(string) error
	add = func(name string) error {
		path, ok := m[name]
		if !ok {
			return fmt.Errorf("vm: the kernel has no module %s", name)
		}
		if seen[name] || path == "" {
			return nil
		}
		seen[name] = true
		data, err := readModule(path)
		if err != nil {
			return err
		}
		needed, err := dependencies(data)
		if err != nil {
			return fmt.Errorf("vm: read module %s: %w", path, err)
		}
		for _, n := range needed {
			if err := add(moduleName(n)); err != nil {
				return err
			}
		}
		order = append(order, module{name, data})
		return nil
	}
	for _, name := range names {
		if err := add(name); err != nil {
			return nil, err
		}
	}
	return order, nil
}

// readModule returns a module as init_module(2) takes it on every kernel: not
// compressed.
func readModule(path string) ([]byte, error) {
	if !strings.HasSuffix(path, ".xz") {
		return os.ReadFile(path)
	}
	data, err := exec.Command("xz", "--decompress", "--stdout", path).Output()
	if err != nil {
		return nil, fmt.Errorf("vm: decompress %s: %w", path, err)
	}
	return data, nil
}

// dependencies are the names that a module gives as "depends" in its section
// .modinfo, which modpost writes: strings of name=value, each with a zero.
func dependencies(data []byte) ([]string, error) {
	file, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	section := file.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("it has no section .modinfo")
	}
	info, err := section.Data()
	if err != nil {
		return nil, err
	}
	for s := range bytes.SplitSeq(info, []byte{0}) {
		if list, ok := strings.CutPrefix(string(s), "depends="); ok && list != "" {
			return strings.Split(list, ","), nil
		}
	}
	return nil, nil
}
