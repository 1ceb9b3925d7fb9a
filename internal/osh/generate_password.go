package osh

import (
	"encoding/json"
	"fmt"
	"io"

	"gateway"
)

// PasswordOptions are embedded in requests that make a password.
type PasswordOptions struct {
	Size *int `opt:"size" arg:"N" help:"its length, 8 to 128 (default: 16)"`
	DoIt bool `opt:"do-it" required:"true" help:"really make it"`
}

// SelfGeneratePassword is the request of selfGeneratePassword.
type SelfGeneratePassword struct{ PasswordOptions }

// GroupGeneratePassword is the request of groupGeneratePassword.
type GroupGeneratePassword struct {
	GroupOption
	PasswordOptions
}

// AccountGeneratePassword is the request of accountGeneratePassword.
type AccountGeneratePassword struct {
	AccountOption
	PasswordOptions
}

// GeneratedPassword is the value of the commands that make a password.
type GeneratedPassword struct {
	Account *string                `json:"account"`
	Context string                 `json:"context"` // account, group
	Group   *string                `json:"group"`
	Hashes  gateway.PasswordHashes `json:"hashes"`
}

func selfGeneratePasswordCommand() *Command {
	return generatePassword(Command{
		Name:     "selfGeneratePassword",
		Category: Open,
		Summary:  "make a new egress password of yours",
		Examples: []string{"selfGeneratePassword --do-it"},
		New:      func() any { return new(SelfGeneratePassword) },
	})
}

func groupGeneratePasswordCommand() *Command {
	return generatePassword(Command{
		Name:     "groupGeneratePassword",
		Category: GroupOwner,
		Summary:  "make a new egress password of a group",
		Examples: []string{"groupGeneratePassword --group routers --do-it", "groupGeneratePassword --group routers --size 32 --do-it"},
		New:      func() any { return new(GroupGeneratePassword) },
	})
}

func accountGeneratePasswordCommand() *Command {
	return generatePassword(Command{
		Name:     "accountGeneratePassword",
		Category: Restricted,
		Summary:  "make a new egress password of an account",
		Examples: []string{"accountGeneratePassword --account alice --do-it"},
		New:      func() any { return new(AccountGeneratePassword) },
	})
}

// generatePassword completes the declaration of a command that makes one.
func generatePassword(c Command) *Command {
	c.MasterOnly = true
	c.Settings = []string{"minPasswordSize"}
	c.Long = "Nobody ever sees it: put one of its hashes on the devices, in the form that they understand. The ones\n" +
		"before it become its fallbacks, so that devices that have an older one can still be reached; the 99\n" +
		"newest of them are kept. It has letters, digits and + % #, and one of each kind at least."
	c.Text = generatedPasswordText
	return &c
}

func generatedPasswordText(w io.Writer, r Result) error {
	var v GeneratedPassword
	if err := json.Unmarshal(r.Value, &v); err != nil {
		return err
	}
	fmt.Fprintln(w, "Put one of these hashes on the devices:")
	writeHashes(w, v.Hashes)
	return nil
}

func writeHashes(w io.Writer, h gateway.PasswordHashes) {
	for _, line := range []struct{ name, hash string }{
		{"md5crypt", h.MD5Crypt}, {"sha256crypt", h.SHA256Crypt}, {"sha512crypt", h.SHA512Crypt},
		{"Cisco type 8", h.Type8}, {"Cisco type 9", h.Type9},
	} {
		fmt.Fprintf(w, "  %-12s  %s\n", line.name, line.hash)
	}
}
