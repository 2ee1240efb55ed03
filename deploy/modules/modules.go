// Package modules has what farms of common servers need, as data: rules, services,
// checks, sysctls and a page of advice. An operator adds modules of his own as
// directories of the same form, or changes one by a copy of the same name.
package modules

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Own is where an operator's own modules are.
const Own = "/etc/thresher/modules"

//go:embed */*
var data embed.FS

// The files that every module has, or may have.
const (
	descriptionFile = "module.yaml"
	configFile      = "config.yaml"
	sysctlFile      = "sysctl.conf"
	pageFile        = "README.md"
)

// maxFile bounds what is read of a module.
const maxFile = 1 << 20

// Module is one module.
type Module struct {
	// Name is its directory's.
	Name string
	// Dir is where an operator's own is; empty for one of Thresher's.
	Dir string
	// Page is advice for people.
	Page string
	Description

	config, sysctl string
	files          map[string]string // what is put beside the configuration
}

// Description is what module.yaml says.
type Description struct {
	// Summary says in a line what the module is for.
	Summary string `yaml:"summary"`
	// Packages are Debian's, for people.
	Packages []string `yaml:"packages"`
	// Units and Programs must be there.
	Units    []string `yaml:"units"`
	Programs []string `yaml:"programs"`
	// Settings are what differs by farm.
	Settings []Setting `yaml:"settings"`
}

// Setting is a value that files of the module name as ${name}.
type Setting struct {
	Name  string `yaml:"name"`
	About string `yaml:"about"`
	// Value holds if nothing else is said; nil if something must be.
	Value *string `yaml:"value"`
}

// All returns the modules by name: those below own, a directory that need not be
// there, and Thresher's others.
func All(own string) ([]*Module, error) {
	mine, err := modulesIn(os.DirFS(own), own)
	if err != nil {
		return nil, err
	}
	theirs, err := modulesIn(data, "")
	if err != nil {
		return nil, err
	}
	for _, m := range theirs {
		if !slices.ContainsFunc(mine, func(o *Module) bool { return o.Name == m.Name }) {
			mine = append(mine, m)
		}
	}
	slices.SortFunc(mine, func(a, b *Module) int { return strings.Compare(a.Name, b.Name) })
	return mine, nil
}

// Find returns the module of a name.
func Find(own, name string) (*Module, error) {
	all, err := All(own)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, m := range all {
		if m.Name == name {
			return m, nil
		}
		names = append(names, m.Name)
	}
	return nil, fmt.Errorf("there is no module %q: there are %s, and directories of your own in %s", name, strings.Join(names, ", "), own)
}

func modulesIn(files fs.FS, dir string) ([]*Module, error) {
	entries, err := fs.ReadDir(files, ".")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list modules: %w", err)
	}
	var modules []*Module
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		m, err := read(files, dir, e.Name())
		if err != nil {
			return nil, fmt.Errorf("module %s: %w", e.Name(), err)
		}
		modules = append(modules, m)
	}
	return modules, nil
}

// read reads one module.
func read(files fs.FS, dir, name string) (*Module, error) {
	m := &Module{Name: name, files: make(map[string]string)}
	if dir != "" {
		m.Dir = dir + "/" + name
	}
	entries, err := fs.ReadDir(files, name)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		text, err := readFile(files, name+"/"+e.Name())
		if err != nil {
			return nil, err
		}
		if err := m.take(e.Name(), text); err != nil {
			return nil, err
		}
	}
	for file, has := range map[string]bool{descriptionFile: m.Summary != "", configFile: m.config != ""} {
		if !has {
			return nil, fmt.Errorf("has no %s: see `thresher module show generic` for what belongs there", file)
		}
	}
	return m, nil
}

func readFile(files fs.FS, path string) (string, error) {
	info, err := fs.Stat(files, path)
	if err != nil {
		return "", err
	}
	if info.Size() > maxFile {
		return "", fmt.Errorf("%s is larger than %d bytes", path, maxFile)
	}
	text, err := fs.ReadFile(files, path)
	return string(text), err
}

// take files one file away.
func (m *Module) take(name, text string) (err error) {
	switch name {
	case descriptionFile:
		m.Description, err = parseDescription([]byte(text))
		return err
	case configFile:
		m.config = text
	case sysctlFile:
		m.sysctl = text
	case pageFile:
		m.Page = text
	default:
		m.files[name] = text
	}
	return nil
}

// settingName is what a setting may be called.
var settingName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// parseDescription reads module.yaml.
func parseDescription(text []byte) (d Description, err error) {
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	decoder.KnownFields(true)
	if err := decoder.Decode(&d); err != nil {
		return d, fmt.Errorf("%s: %w", descriptionFile, err)
	}
	if d.Summary == "" {
		return d, fmt.Errorf("%s: has no `summary`: say in a line what the module is for", descriptionFile)
	}
	if strings.ContainsAny(d.Summary, "\r\n") {
		return d, fmt.Errorf("%s: `summary` has several lines: one is enough", descriptionFile)
	}
	for _, s := range d.Settings {
		if !settingName.MatchString(s.Name) || slices.Contains(given, s.Name) {
			return d, fmt.Errorf("%s: a setting can't be called %q: use small letters, digits and _, and none of %s", descriptionFile, s.Name, strings.Join(given, ", "))
		}
	}
	return d, nil
}
