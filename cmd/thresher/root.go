package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"thresher/console"
	"thresher/health"
)

// The program's exit codes (DESIGN §7).
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// newRoot returns the whole command line. Nothing of it is shared with another
// call.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "thresher",
		Short: "A farm of machines behind one address, with no box in front",
		Long: "Thresher makes Linux machines on one Ethernet segment a farm behind one shared\n" +
			"address: each gets every packet for it and keeps those of its own clients.\n\n" +
			"See it at work:   thresher demo\n" +
			"Set a farm up:    thresher init, thresher module list, thresher invite, thresher join\n" +
			"Run a node:       thresher key, thresher check, thresher netcheck, thresher run\n" +
			"Look after it:    thresher status, where, events, drain, stop, start, weight, reload, restart, wait,\n" +
			"                  suspend, resume, cordon, uncordon, reset, config, key rotate\n" +
			"Let people in:    thresher user, token, fingerprint\n" +
			"Look at packets:  thresher traffic, capture\n" +
			"Get help:         thresher report",
		// Errors and their exit codes are main's, usage only on request.
		SilenceErrors: true,
		SilenceUsage:  true,
		// As many wrong letters as cobra itself forgives.
		SuggestionsMinimumDistance: 2,

		PersistentPreRunE: rightFlags,

		Args: noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return errors.Join(cmd.Help(), &usageError{errors.New("no command given")})
		},
	}
	info, _ := debug.ReadBuildInfo()
	root.Version = versionText(release, info)
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &usageError{fmt.Errorf("%w; see %s --help", plainFlagError(cmd, err), cmd.CommandPath())}
	})
	api := root.PersistentFlags().String("api", cmp.Or(os.Getenv("THRESHER_API"), console.DefaultAPI),
		"the daemon's API socket; or set THRESHER_API")
	root.AddCommand(
		withJSON(newInit()), withJSON(newInvite(api)), withJSON(newJoin()),
		newRun(), withJSON(newCheck()), newNetcheck(), newClean(), newKey(api), newConvert(),
		newStatus(api), withJSON(newStart(api)), withJSON(newDrain(api)), withJSON(newStop(api)), withJSON(newRestart(api)), withJSON(newReload(api)), newConfig(api), withJSON(newWeight(api)), withJSON(newWhere(api)), newEvents(api), newTraffic(api), newCapture(api),
		withJSON(newWait(api)), withJSON(newCordon(api)), withJSON(newUncordon(api)), withJSON(newSuspend(api)), withJSON(newResume(api)), withJSON(newReset(api)),
		newUser(), newToken(), withJSON(newFingerprint(api)), withJSON(newReport(api)),
		newNotify(), newModule(), newDemo(), newBench(), withJSON(newVersion()), newMan(),
	)
	completeNames(root, api)
	rightCompletion(root)
	rightHelp(root)
	return root
}

// rightCompletion has cobra's own command refuse shells that it has nothing for.
func rightCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "completion" {
			cmd.Args = noSuchCommand
			cmd.RunE = root.RunE
		}
	}
}

// rightHelp has cobra's own command refuse words that are no command.
func rightHelp(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "help" {
			cmd.Args = func(_ *cobra.Command, args []string) error {
				found, rest, err := root.Find(args)
				if err != nil {
					return &usageError{err}
				}
				return noSuchCommand(found, rest)
			}
		}
	}
}

// rightFlags refuses flags that exclude one another, before cobra does so in words of
// its own.
func rightFlags(cmd *cobra.Command, _ []string) error {
	err := cmd.ValidateFlagGroups()
	if err == nil {
		return nil
	}
	// cobra: "if any flags in the group [a b] are set none of the others can be; [a b] were all set"
	if _, set, ok := strings.Cut(err.Error(), "; ["); ok {
		set, _, _ = strings.Cut(set, "]")
		err = fmt.Errorf("--%s exclude one another: leave all but one out", strings.Join(strings.Fields(set), " and --"))
	}
	return &usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
}

// invalidValue is what pflag begins with of a value that a flag can't have.
var invalidValue = regexp.MustCompile(`^invalid argument "(.*)" for "(?:-\w, )?--([\w-]+)" flag: `)

// plainFlagError says what a flag's value is to be, in place of what parsed it.
func plainFlagError(cmd *cobra.Command, err error) error {
	m := invalidValue.FindStringSubmatch(err.Error())
	if m == nil || cmd.Flag(m[2]) == nil {
		return err
	}
	switch cmd.Flag(m[2]).Value.Type() {
	case "duration":
		return fmt.Errorf("--%s %q: write a duration such as 90s, 15m or 720h", m[2], m[1])
	case "int", "uint", "uint16", "uint64":
		return fmt.Errorf("--%s %q: write a number", m[2], m[1])
	}
	return err
}

// noSuchCommand refuses words that are no command, with the nearest that are.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("there is no command %q", args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		err = fmt.Errorf("%w; did you mean %s?", err, strings.Join(near, " or "))
	} else {
		err = fmt.Errorf("%w; see %s --help for those that there are", err, cmd.CommandPath())
	}
	return &usageError{err}
}

// usageError is a command line or configuration that can't be followed.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

// args makes a wrong number of arguments a usage error.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			if cmd.Use == cmd.Name() {
				return noArgument(cmd, args[0])
			}
			return &usageError{fmt.Errorf("%w: write %s; see %s --help", err, cmd.UseLine(), cmd.CommandPath())}
		}
		return nil
	}
}

// noArgument is the error of a command that takes none. It says how to give what it most
// likely was.
func noArgument(cmd *cobra.Command, given string) error {
	err := fmt.Errorf("%s takes no argument: %q", cmd.CommandPath(), given)
	for _, one := range []struct{ flag, what string }{{"config", "the file"}, {"node", "a node"}} {
		if cmd.Flags().Lookup(one.flag) != nil {
			return &usageError{fmt.Errorf("%w; name %s by --%s", err, one.what, one.flag)}
		}
	}
	return &usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
}

// exitCode returns the program's exit code for what a command returned. A request
// that the daemon does not understand, or that names a rule that there is not,
// came from a wrong command line; a file that it refuses, and an interface that does
// not exist, are a wrong configuration.
func exitCode(err error) int {
	var usage *usageError
	var refused *console.Error
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage), errors.Is(err, health.ErrNoInterface):
		return exitUsage
	case errors.As(err, &refused) && slices.Contains(usageCodes(), refused.Code):
		return exitUsage
	default:
		return exitFailed
	}
}

// usageCodes are the daemon's words for what the asker has to put right.
func usageCodes() []string {
	return []string{console.CodeBadRequest, console.CodeNotFound, console.CodeBadConfiguration}
}

// errorText renders an error for a person: one line for each thing that is wrong,
// and what the daemon says of a cure on a line of its own.
func errorText(err error) string {
	text, cure := err.Error(), ""
	var refused *console.Error
	if errors.As(err, &refused) && refused.Cure != "" {
		if what, last := strings.CutSuffix(text, "; "+refused.Cure); last {
			text, cure = what, "  "+refused.Cure+"\n"
		}
	}
	var b strings.Builder
	for line := range strings.Lines(text + "\n") {
		b.WriteString("thresher: " + line)
	}
	return b.String() + cure
}

// withClient runs act with a client of the daemon at api.
func withClient(api string, act func(*console.Client) error) error {
	c, err := console.NewClient(api)
	if err != nil {
		return err
	}
	defer c.Close()
	return act(c)
}
