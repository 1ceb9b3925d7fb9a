package osh

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
)

// IngressKey is an ingress key as selfAddIngressKey shows it.
type IngressKey struct {
	Base64      string   `json:"base64"`
	Comment     *string  `json:"comment"`
	Family      string   `json:"family"`
	Fingerprint string   `json:"fingerprint"`
	FromList    []string `json:"from_list"`
	ID          string   `json:"id"`
	Info        string   `json:"info,omitempty"` // who added it
	Line        string   `json:"line"`
	Mtime       *int64   `json:"mtime"`
	Prefix      string   `json:"prefix"`
	Size        int      `json:"size"`
	Typecode    string   `json:"typecode"`
}

// ListedIngressKey is one in a listing: its ID is the position, from 1.
type ListedIngressKey struct {
	IngressKey
	ID       int    `json:"id"`
	Validity string `json:"validity"`
}

// DeletedIngressKey is one that was removed. Scripts expect other keys here.
type DeletedIngressKey struct {
	Key
	Err   string `json:"err"`
	Index string `json:"index"`
	Info  string `json:"info"`
	// Scripts find no files here.
	Filename *struct{} `json:"filename,omitempty"`
	Fullpath *struct{} `json:"fullpath,omitempty"`
}

// SelfAddIngressKey is the request of selfAddIngressKey.
type SelfAddIngressKey struct {
	PublicKey string `opt:"public-key" arg:"KEY" help:"the line of an .pub file, in quotes; asked for if missing"`
	PIV       bool   `opt:"piv" help:"not offered yet"`
}

// SelfAddIngressKeyValue is the value of selfAddIngressKey.
type SelfAddIngressKeyValue struct {
	ConnectOnlyFrom []string   `json:"connect_only_from"`
	Key             IngressKey `json:"key"`
}

func selfAddIngressKeyCommand() *Command {
	return &Command{
		Name:       "selfAddIngressKey",
		Aliases:    []string{"selfAddKey"},
		Category:   Open,
		MasterOnly: true,
		Summary:    "add a key that you may log in with",
		Long:       "Paste the line of the .pub file. A from=\"…\" before the key is used if the gateway's policy lets it.",
		Examples:   []string{`selfAddIngressKey --public-key 'ssh-ed25519 AAAA… me@laptop'`},
		New:        func() any { return new(SelfAddIngressKey) },
		Text:       selfAddIngressKeyText,
		Local:      selfAddIngressKeyLocal,
	}
}

// codeMissing is how the monitor asks for an option that people may be asked
// for here.
const codeMissing = "ERR_MISSING_PARAMETER"

func selfAddIngressKeyLocal(ctx context.Context, env *Env, req any, run RunFunc) (Result, error) {
	r := req.(*SelfAddIngressKey)
	if r.PublicKey == "" && !r.PIV {
		if refused, err := run(ctx, r); err != nil || refused.Code != codeMissing {
			return refused, err // nobody looks for a key for nothing
		}
		typed, err := env.ask("Paste the public key, in one line: ")
		if err != nil && typed == "" {
			return Fail("selfAddIngressKey", codeMissing, "no public key was given", nil), nil
		}
		r.PublicKey = typed
	}
	return run(ctx, r)
}

func selfAddIngressKeyText(w io.Writer, r Result) error {
	var v SelfAddIngressKeyValue
	if err := json.Unmarshal(r.Value, &v); err != nil {
		return err
	}
	ingressKeyText(w, v.Key, "")
	return nil
}

func ingressKeyText(w io.Writer, k IngressKey, id string) {
	fmt.Fprintf(w, "%s%s-%d  %s\n   %s\n", id, k.Family, k.Size, k.Fingerprint, k.Line)
	if k.Info != "" {
		fmt.Fprintf(w, "   %s\n", k.Info)
	}
}

// SelfListIngressKeys is the request of selfListIngressKeys.
type SelfListIngressKeys struct{ FilterOptions }

// IngressKeysValue is the value of selfListIngressKeys and accountListIngressKeys.
type IngressKeysValue struct {
	Account string             `json:"account"`
	Keys    []ListedIngressKey `json:"keys"`
}

func selfListIngressKeysCommand() *Command {
	return &Command{
		Name:     "selfListIngressKeys",
		Aliases:  []string{"selfListKeys", "selfListIngressKey"},
		Category: Open,
		Summary:  "list the keys that you may log in with",
		Examples: []string{"selfListIngressKeys --limit 1"},
		New:      func() any { return new(SelfListIngressKeys) },
		Text:     ingressKeysText,
	}
}

func ingressKeysText(w io.Writer, r Result) error {
	var v IngressKeysValue
	if err := json.Unmarshal(r.Value, &v); err != nil {
		return err
	}
	fmt.Fprintf(w, "%s may log in with %d keys:\n", v.Account, len(v.Keys))
	for _, k := range v.Keys {
		ingressKeyText(w, k.IngressKey, strconv.Itoa(k.ID)+". ")
	}
	return nil
}

// SelfDelIngressKey is the request of selfDelIngressKey.
type SelfDelIngressKey struct {
	ID          *int   `opt:"id-to-delete,id" arg:"ID" help:"its position in selfListIngressKeys"`
	Fingerprint string `opt:"fingerprint-to-delete,fingerprint" arg:"FINGERPRINT" help:"its fingerprint"`
}

// SelfDelIngressKeyValue is the value of selfDelIngressKey.
type SelfDelIngressKeyValue struct {
	DeletedKey DeletedIngressKey `json:"deleted_key"`
}

func selfDelIngressKeyCommand() *Command {
	return &Command{
		Name:       "selfDelIngressKey",
		Aliases:    []string{"selfDelKey"},
		Category:   Open,
		MasterOnly: true,
		Summary:    "remove a key that you may log in with",
		Long:       "Without an option the keys are listed, and you are asked which. The last key can't be removed.",
		Examples:   []string{"selfDelIngressKey", "selfDelIngressKey --id 2"},
		New:        func() any { return new(SelfDelIngressKey) },
		Local:      selfDelIngressKeyLocal,
	}
}

// selfDelIngressKeyLocal asks which key; the answer is sent as a fingerprint,
// so that a list that changed meanwhile does no harm.
func selfDelIngressKeyLocal(ctx context.Context, env *Env, req any, run RunFunc) (Result, error) {
	r := req.(*SelfDelIngressKey)
	if r, err := run(ctx, r); err != nil || r.Code != codeMissing {
		return r, err
	}
	listed, err := call(ctx, env.Client, "selfListIngressKeys", &SelfListIngressKeys{})
	if err != nil || listed.Exit != 0 {
		return listed, err
	}
	var v IngressKeysValue
	if err := json.Unmarshal(listed.Value, &v); err != nil {
		return Result{}, fmt.Errorf("read the list of keys: %w", err)
	}
	for _, k := range v.Keys {
		writeText(env.Err, fmt.Sprintf("%d. %s-%d %s\n", k.ID, k.Family, k.Size, k.Fingerprint))
	}
	typed, err := env.ask("Which one is to be removed? ")
	if err != nil {
		typed = ""
	}
	for _, k := range v.Keys {
		if typed == strconv.Itoa(k.ID) {
			r.Fingerprint = k.Fingerprint
			return run(ctx, r)
		}
	}
	return Fail("selfDelIngressKey", "ERR_INVALID_PARAMETER", "there is no such key", nil), nil
}
