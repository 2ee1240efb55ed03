package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"

	"thresher/internal/wholefile"
)

// MaxFileSize bounds what is read as a configuration, in bytes. 256 rules with many ports
// take some 50 KB.
const MaxFileSize = 1 << 20

// Options are what stands above the file. The zero value takes the process's
// environment and no flags.
type Options struct {
	// Env is the environment as KEY=VALUE, in which THRESHER_CLUSTER_PROFILE
	// sets cluster.profile, and so on for every key that is not inside a list of
	// objects; lists are separated by commas, and other variables of that form refused.
	// Nil means os.Environ.
	Env []string
	// Set are values by key, such as "datapath.offload", above Env: what the
	// command line's flags set.
	Set map[string]string
	// Interface tells whether the machine has the interface of that name: what is
	// wrong, and the cure; nothing if it has. Nil means that nobody asks.
	Interface func(name string) (problem, cure string)
	// Directory and Command ask the same of a directory that the daemon keeps files in,
	// and of a program that it runs. Nil means that nobody asks.
	Directory, Command func(name string) (problem, cure string)
}

// Load reads and checks the configuration file at path, with the environment
// and the flags of opts above it. It reads the key file too. The error is of
// type Errors and has every problem found.
func Load(path string, opts Options) (*Config, error) {
	data, err := readConfig(path)
	if err != nil {
		return nil, Errors{{File: path, Problem: err.Error(), Cure: cureUnreadable(err), cause: err}}
	}
	return Parse(path, data, opts)
}

func readConfig(path string) ([]byte, error) {
	data, err := wholefile.Read(path, MaxFileSize)
	return data, bare(err)
}

// bare is a file system error without operation and path, which the message
// that it goes into already has.
func bare(err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err
	}
	return err
}

func cureUnreadable(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "name the file by --config, or make one with `thresher init`"
	case errors.Is(err, fs.ErrPermission):
		return "run as root, or let this user read it"
	case errors.Is(err, wholefile.ErrNotRegular):
		return "name a file"
	case errors.Is(err, wholefile.ErrTooLarge):
		return "name a configuration: 256 rules take some 50 KB"
	}
	return "check the file and its disk"
}

// Parse is Load for a file that is already read. The name stands in messages,
// and a relative key_file of the file is looked for in the name's directory;
// nothing but that key file is read.
func Parse(name string, data []byte, opts Options) (*Config, error) {
	p := newProblems(name)
	top := p.tree(data)
	if top == nil {
		return nil, p.err()
	}
	p.check(top, reflect.TypeFor[rawConfig](), "")
	env := opts.Env
	if env == nil {
		env = os.Environ()
	}
	p.override(env, opts.Set)
	raw, err := p.decode(data)
	// With a problem found, decoding stumbles over the same one: what it could
	// decode is still worth checking.
	if err != nil && len(p.list) == 0 {
		p.addAt(place{}, "", err.Error(), "")
		return nil, p.err()
	}
	c := p.validate(raw)
	if ask := opts.Interface; ask != nil && c.Interface != "" && !raw.withoutVIPs() && !p.has("interface") {
		if problem, cure := ask(c.Interface); problem != "" {
			p.add("interface", problem, cure)
		}
	}
	p.ask(c, opts)
	if err := p.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// ask asks this machine for the directories and the programs that the file names.
func (p *problems) ask(c *Config, opts Options) {
	each := func(ask func(string) (string, string), path, name string) {
		if ask == nil || name == "" || p.has(path) {
			return
		}
		if problem, cure := ask(name); problem != "" {
			p.add(path, problem, cure)
		}
	}
	program := knownProgram(opts.Command)
	run := func(path string, argv []string) {
		if len(argv) > 0 && !p.has(path+"[0]") {
			each(program, path, argv[0])
		}
	}
	each(opts.Directory, "run_dir", c.RunDir)
	each(opts.Directory, "state_dir", c.StateDir)
	for i, s := range c.Services {
		run(fmt.Sprintf("services[%d].start", i), s.Start)
		run(fmt.Sprintf("services[%d].stop", i), s.Stop)
		run(fmt.Sprintf("services[%d].ready", i), s.Ready)
	}
	for i, one := range c.Checks {
		run(fmt.Sprintf("checks[%d].command", i), one.Exec.Command)
	}
	for i, n := range c.Notify {
		run(fmt.Sprintf("notify[%d].command", i), n.Command)
	}
}

// numbersAsDurations hands a number on to those who say which unit it lacks.
func numbersAsDurations(_, to reflect.Type, value any) (any, error) {
	switch value.(type) {
	case int, int64, uint64, float64:
		if to == durationType {
			return fmt.Sprint(value), nil
		}
	}
	return value, nil
}

// decode reads the file through a viper of its own, with the defaults below and
// the overrides above. Any key that the schema does not know is an error, and nothing
// else is converted: viper's usual hooks and weak typing stay off.
func (p *problems) decode(data []byte) (rawConfig, error) {
	v := viper.New()
	v.SetConfigType("yaml")
	for path, value := range p.defaults() {
		v.SetDefault(path, value)
	}
	for path, o := range p.overrides {
		if o.value != nil {
			v.Set(path, o.value)
		}
	}
	var raw rawConfig
	if err := v.ReadConfig(bytes.NewReader(data)); err != nil {
		return raw, fmt.Errorf("read: %w", err)
	}
	err := v.UnmarshalExact(&raw, func(dc *mapstructure.DecoderConfig) {
		dc.DecodeHook = numbersAsDurations
		dc.WeaklyTypedInput = false
	})
	return raw, err
}
