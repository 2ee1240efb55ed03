package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"thresher/console"
	"thresher/console/access"
)

// The life of a token.
const (
	defaultTokenLife = 90 * 24 * time.Hour
	longestTokenLife = 5 * 365 * 24 * time.Hour
)

func newToken() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Say which programs may use the API",
		Long: "Say which programs may use the API from outside, such as Prometheus. A program\n" +
			"sends its token as the header Authorization: Bearer TOKEN.",
		Args: noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return errors.Join(cmd.Help(), &usageError{errors.New("no command given")})
		},
	}
	cmd.PersistentFlags().StringVar(&file, "users", access.DefaultFile, "the file of users and tokens")
	cmd.AddCommand(withJSON(newTokenAdd(&file)), withJSON(newTokenRemove(&file)), withJSON(newTokenList(&file)))
	return cmd
}

func newTokenAdd(file *string) *cobra.Command {
	var role string
	var life time.Duration
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Make a token and print it, once",
		Args:  args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := access.ParseRole(role)
			if life < time.Minute || life > longestTokenLife {
				err = errors.Join(err, fmt.Errorf("--expires %v: use 1m to %v", life, longestTokenLife))
			}
			if err = errors.Join(err, access.CheckName(args[0])); err != nil {
				return &usageError{err}
			}
			token, hash := access.NewToken()
			err = access.Update(*file, func(f *access.File) error {
				one := access.Token{Name: args[0], Role: r, Expires: time.Now().Add(life).UTC().Truncate(time.Second), Hash: hash}
				f.Tokens = append(f.Tokens, one)
				return nil
			})
			if err != nil {
				return err
			}
			return show(cmd, struct {
				Token string `json:"token"`
			}{token}, token+"\n")
		},
	}
	cmd.Flags().StringVar(&role, "role", string(access.Monitor), "admin, control or monitor")
	cmd.Flags().DurationVar(&life, "expires", defaultTokenLife, "how long it is good, such as 720h")
	return cmd
}

func newTokenRemove(file *string) *cobra.Command {
	return &cobra.Command{
		Use:   "remove NAME",
		Short: "Have a token count no longer",
		Args:  args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := access.Update(*file, func(f *access.File) error {
				if !f.RemoveToken(args[0]) {
					return &usageError{fmt.Errorf("%s has no token %q; see thresher token list", *file, args[0])}
				}
				return nil
			})
			return said(cmd, err, "the token %s counts no longer", args[0])
		},
	}
}

// listedToken is a token without what it is checked by.
type listedToken struct {
	Name    string      `json:"name"`
	Role    access.Role `json:"role"`
	Expires time.Time   `json:"expires"`
	Expired bool        `json:"expired"`
}

func newTokenList(file *string) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "Show which tokens there are, and until when",
		Args:  args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := readUsers(*file)
			if err != nil {
				return err
			}
			list, text := []listedToken{}, ""
			for _, t := range f.Tokens {
				one, note := listedToken{t.Name, t.Role, t.Expires, time.Now().After(t.Expires)}, ""
				if one.Expired {
					note = "  expired"
				}
				list = append(list, one)
				text += fmt.Sprintf("%-8s  %s  %s%s\n", t.Role, t.Expires.Format(time.RFC3339), t.Name, note)
			}
			return show(cmd, list, text)
		},
	}
}

func newFingerprint(api *string) *cobra.Command {
	return &cobra.Command{
		Use:   "fingerprint",
		Short: "Print the fingerprint of the console's certificate",
		Long: "Print the SHA-256 fingerprint of the certificate that this node's console shows.\n" +
			"Compare it with the browser's before the first login, if the certificate is the\n" +
			"daemon's own.",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withClient(*api, func(c *console.Client) error {
				s, err := c.Status(cmd.Context())
				if err == nil && s.Fingerprint == "" {
					err = errors.New("this node's daemon has no HTTPS address; give it one in api.listen")
				}
				if err != nil {
					return err
				}
				return show(cmd, struct {
					Fingerprint string `json:"fingerprint"`
				}{s.Fingerprint}, s.Fingerprint+"\n")
			})
		},
	}
}
