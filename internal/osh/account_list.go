package osh

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// AccountList is the request of accountList.
type AccountList struct {
	Account        string `opt:"account" arg:"ACCOUNT" pos:"true" complete:"account" help:"only that one"`
	InactiveOnly   bool   `opt:"inactive-only" help:"only those that are inactive"`
	Audit          bool   `opt:"audit" help:"also say who can connect, and why not; for auditors"`
	NoPasswordInfo bool   `opt:"no-password-info" help:"accepted: there is no such information"`
	NoOutput       bool   `opt:"no-output" help:"JSON only"`
	FilterOptions
}

// AccountLine is one account of accountList.
type AccountLine struct {
	CreatedBy string `json:"created_by"`
	IsActive  int    `json:"is_active"`
	// ActiveUnknown: nobody knows, and the configuration decides is_active.
	ActiveUnknown int    `json:"is_active_unknown,omitempty"`
	Name          string `json:"name"`
	UID           int    `json:"uid"`
	*AccountLineAudit
}

// AccountLineAudit is what --audit adds.
type AccountLineAudit struct {
	AlreadySeenBefore int `json:"already_seen_before"`
	CanConnect        int `json:"can_connect"`
	IsExpired         int `json:"is_expired"`
	IsFrozen          int `json:"is_frozen"`
	IsTTLExpired      int `json:"is_ttl_expired"`
}

func accountListCommand() *Command {
	return &Command{
		Name:     "accountList",
		Category: Restricted,
		Summary:  "the accounts",
		Examples: []string{"accountList", "accountList --audit --inactive-only", "accountList --include 'robot-*'"},
		New:      func() any { return new(AccountList) },
		Local:    accountListLocal,
	}
}

// accountListLocal prints by itself, as --no-output is not known to Text.
func accountListLocal(ctx context.Context, env *Env, req any, run RunFunc) (Result, error) {
	r, err := run(ctx, req)
	if err != nil || r.Exit != 0 || req.(*AccountList).NoOutput {
		return r, err
	}
	var v map[string]AccountLine
	if err := json.Unmarshal(r.Value, &v); err != nil {
		return Result{}, err
	}
	rows := [][]string{{"ACCOUNT", "UID", "CREATED BY", "STATE"}}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		a := v[name]
		rows = append(rows, []string{a.Name, strconv.Itoa(a.UID), a.CreatedBy, a.state()})
	}
	var p page
	writeTable(&p, rows)
	writePage(env.Out, env.fanciness(false), &p)
	return r, nil
}

// state sums up what is known.
func (a AccountLine) state() string {
	var words []string
	add := func(is int, word string) {
		if is == 1 {
			words = append(words, word)
		}
	}
	add(a.ActiveUnknown, "not known to be active")
	add((1-a.IsActive)*(1-a.ActiveUnknown), "inactive")
	if a.AccountLineAudit != nil {
		add(a.IsFrozen, "frozen")
		add(a.IsTTLExpired, "expired")
		add(1-a.AlreadySeenBefore, "never seen")
		add(a.CanConnect, "can log in")
	}
	if len(words) == 0 {
		return "-"
	}
	return strings.Join(words, ", ")
}
