package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"thresher/console/access"
)

func newUser() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "user",
		Short: "Say who may log in to the console",
		Long: "Say who may log in to the console of this machine's node: the file that api.users\n" +
			"names. The daemon notices changes by itself, and ends the sessions of who is gone.",
		Args: noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return errors.Join(cmd.Help(), &usageError{errors.New("no command given")})
		},
	}
	cmd.PersistentFlags().StringVar(&file, "users", access.DefaultFile, "the file of users and tokens")
	cmd.AddCommand(withJSON(newUserAdd(&file)), withJSON(newUserPasswd(&file)), withJSON(newUserRemove(&file)), withJSON(newUserList(&file)))
	return cmd
}

func newUserAdd(file *string) *cobra.Command {
	var role string
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Let somebody in, with a password",
		Long: "Let somebody in. The password is asked for, or read as one line from standard\n" +
			"input where that is no terminal. Roles: monitor sees everything, control starts,\n" +
			"stops, drains and restarts nodes too, admin does all.",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := access.ParseRole(role)
			if err = errors.Join(err, access.CheckName(args[0])); err != nil {
				return &usageError{err}
			}
			password, err := askPassword(cmd)
			if err != nil {
				return err
			}
			err = access.Update(*file, func(f *access.File) error {
				if f.User(args[0]) != nil {
					return fmt.Errorf("%s has a user %s already; see thresher user passwd", *file, args[0])
				}
				f.Users = append(f.Users, access.User{Name: args[0], Role: r, Password: access.HashPassword(password)})
				return nil
			})
			return said(cmd, err, "%s may log in as %s", args[0], r)
		},
	}
	cmd.Flags().StringVar(&role, "role", string(access.Monitor), "admin, control or monitor")
	return cmd
}

func newUserPasswd(file *string) *cobra.Command {
	return &cobra.Command{
		Use:   "passwd NAME",
		Short: "Give somebody another password",
		Args:  args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			password, err := askPassword(cmd)
			if err != nil {
				return err
			}
			err = access.Update(*file, func(f *access.File) error {
				u := f.User(args[0])
				if u == nil {
					return noUser(*file, args[0])
				}
				u.Password = access.HashPassword(password)
				return nil
			})
			return said(cmd, err, "%s has another password; sessions with the old one have ended", args[0])
		},
	}
}

func newUserRemove(file *string) *cobra.Command {
	return &cobra.Command{
		Use:   "remove NAME",
		Short: "Let somebody in no longer",
		Args:  args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := access.Update(*file, func(f *access.File) error {
				if !f.Remove(args[0]) {
					return noUser(*file, args[0])
				}
				return nil
			})
			return said(cmd, err, "%s may log in no longer", args[0])
		},
	}
}

// listedUser is a user without what the password is checked by.
type listedUser struct {
	Name string      `json:"name"`
	Role access.Role `json:"role"`
}

func newUserList(file *string) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "Show who may log in",
		Args:  args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := readUsers(*file)
			if err != nil {
				return err
			}
			list, text := []listedUser{}, ""
			for _, u := range f.Users {
				list = append(list, listedUser{u.Name, u.Role})
				text += fmt.Sprintf("%-8s  %s\n", u.Role, u.Name)
			}
			return show(cmd, list, text)
		},
	}
}

// readUsers reads the file; one that there is not has nobody in it.
func readUsers(path string) (*access.File, error) {
	f, err := access.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return new(access.File), nil
	}
	return f, err
}

func noUser(file, name string) error {
	return &usageError{fmt.Errorf("%s has no user %q; see thresher user list", file, name)}
}

// askPassword asks for a new password, twice where somebody types it.
func askPassword(cmd *cobra.Command) (string, error) {
	in, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		line, err := bufio.NewReader(io.LimitReader(cmd.InOrStdin(), 4096)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read the password: %w", err)
		}
		if line == "" {
			return "", &usageError{errors.New("standard input has no password: run this on a terminal, or write the password there as one line")}
		}
		return checkedPassword(strings.TrimRight(line, "\r\n"))
	}
	first, err := typed(cmd, in, "Password: ")
	if err != nil {
		return "", err
	}
	second, err := typed(cmd, in, "Once more: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", &usageError{errors.New("the two passwords are not the same")}
	}
	return checkedPassword(first)
}

func checkedPassword(password string) (string, error) {
	if err := access.CheckPassword(password); err != nil {
		return "", &usageError{err}
	}
	return password, nil
}

// typed reads a line that the terminal does not show.
func typed(cmd *cobra.Command, in *os.File, prompt string) (string, error) {
	fmt.Fprint(cmd.ErrOrStderr(), prompt)
	b, err := term.ReadPassword(int(in.Fd()))
	fmt.Fprintln(cmd.ErrOrStderr())
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return string(b), nil
}
