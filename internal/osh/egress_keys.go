package osh

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
)

// SelfListEgressKeys is the request of selfListEgressKeys.
type SelfListEgressKeys struct{ FilterOptions }

func selfListEgressKeysCommand() *Command {
	return &Command{
		Name:     "selfListEgressKeys",
		Category: Open,
		Summary:  "list the keys that the gateway uses for you",
		Long:     "Only their public halves. Put one of them on a target to be able to add a personal access to it.",
		Examples: []string{"selfListEgressKeys --include ed25519"},
		New:      func() any { return new(SelfListEgressKeys) },
		Text:     egressKeysText,
	}
}

// egressKeysText writes keys by fingerprint.
func egressKeysText(w io.Writer, r Result) error {
	var v map[string]Key
	if err := json.Unmarshal(r.Value, &v); err != nil {
		return err
	}
	if len(v) == 0 {
		fmt.Fprintln(w, "There are no egress keys.")
	}
	for _, fp := range slices.Sorted(maps.Keys(v)) {
		k := v[fp]
		fmt.Fprintf(w, "%s  %s-%d  %s\n%s\n", k.ID, k.Family, k.Size, fp, k.Line)
	}
	return nil
}
