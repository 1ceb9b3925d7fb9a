package osh

import (
	"encoding/json"
	"fmt"
	"io"

	"gateway"
)

// SelfListPasswords is the request of selfListPasswords.
type SelfListPasswords struct{ FilterOptions }

// GroupListPasswords is the request of groupListPasswords.
type GroupListPasswords struct {
	GroupOption
	FilterOptions
}

// AccountListPasswords is the request of accountListPasswords.
type AccountListPasswords struct {
	AccountOption
	FilterOptions
}

// ListedPassword is one egress password in the value of the commands that list
// them.
type ListedPassword struct {
	Description string                 `json:"description"`
	Hashes      gateway.PasswordHashes `json:"hashes"`
	Metadata    PasswordMetadata       `json:"metadata"`
}

// PasswordMetadata says where a password is from.
type PasswordMetadata struct {
	Version           string `json:"bastion_version"`
	CreatedBy         string `json:"created_by"`
	CreationTime      string `json:"creation_time"` // UTC
	CreationTimestamp int64  `json:"creation_timestamp"`
}

func selfListPasswordsCommand() *Command {
	return &Command{
		Name:     "selfListPasswords",
		Category: Open,
		Summary:  "list the hashes of your egress passwords",
		Long:     "The current one, then its fallbacks, newest first. The passwords themselves are never shown.",
		Examples: []string{"selfListPasswords", "selfListPasswords --limit 1 --json"},
		New:      func() any { return new(SelfListPasswords) },
		Text:     passwordsText,
	}
}

func groupListPasswordsCommand() *Command {
	return &Command{
		Name:     "groupListPasswords",
		Category: Open,
		Summary:  "list the hashes of a group's egress passwords",
		Long:     "For its members. The current one, then its fallbacks, newest first. The passwords themselves are never shown.",
		Examples: []string{"groupListPasswords --group routers", "groupListPasswords --group routers --include Current"},
		New:      func() any { return new(GroupListPasswords) },
		Text:     passwordsText,
	}
}

func accountListPasswordsCommand() *Command {
	return &Command{
		Name:     "accountListPasswords",
		Category: Restricted,
		Summary:  "list the hashes of an account's egress passwords",
		Long:     "The current one, then its fallbacks, newest first. The passwords themselves are never shown.",
		Examples: []string{"accountListPasswords --account alice"},
		New:      func() any { return new(AccountListPasswords) },
		Text:     passwordsText,
	}
}

func passwordsText(w io.Writer, r Result) error {
	var v []ListedPassword
	if err := json.Unmarshal(r.Value, &v); err != nil {
		return err
	}
	for _, p := range v {
		fmt.Fprintf(w, "%s, made %s UTC by %s\n", p.Description, p.Metadata.CreationTime, p.Metadata.CreatedBy)
		writeHashes(w, p.Hashes)
	}
	return nil
}
