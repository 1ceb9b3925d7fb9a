package osh

import (
	"encoding/json"
	"fmt"
	"io"
)

// GroupCreate is the request of groupCreate.
type GroupCreate struct {
	Group string `opt:"group" arg:"GROUP" pos:"true" required:"true" help:"name of the new group"`
	Owner string `opt:"owner" arg:"ACCOUNT" required:"true" complete:"account" help:"its first owner"`
	Algo  string `opt:"algo" arg:"ALGORITHM" help:"of its first egress key: rsa, ecdsa or ed25519"`
	Size  int    `opt:"size" arg:"BITS" help:"size of that key"`
	NoKey bool   `opt:"no-key" help:"make no key now"`
	// Encrypted is known so that it can be refused by name.
	Encrypted bool `opt:"encrypted" help:"not offered: keys are sealed by the gateway"`
}

func groupCreateCommand() *Command {
	return &Command{
		Name:       "groupCreate",
		Category:   Restricted,
		MasterOnly: true,
		Summary:    "create a group",
		Long: "The owner also becomes gatekeeper, aclkeeper and member. Unless --no-key is given, the group gets\n" +
			"an egress key; its public half goes to the targets that the group will reach.",
		Examples: []string{"groupCreate --group web --owner alice --algo ed25519"},
		New:      func() any { return new(GroupCreate) },
		Text:     groupCreateText,
	}
}

// GroupCreateValue is the value of groupCreate.
type GroupCreateValue struct {
	Group     string `json:"group"`
	Owner     string `json:"owner"`
	PublicKey *Key   `json:"public_key,omitempty"`
}

func groupCreateText(w io.Writer, r Result) error {
	var v GroupCreateValue
	if err := json.Unmarshal(r.Value, &v); err != nil {
		return err
	}
	if v.PublicKey != nil {
		fmt.Fprintf(w, "Put this key on the targets that the group is to reach:\n\n%s\n", v.PublicKey.Line)
	}
	return nil
}
