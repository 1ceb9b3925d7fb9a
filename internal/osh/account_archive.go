package osh

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
)

// AccountRestore is the request of accountRestore.
type AccountRestore struct {
	AccountOption
	Archive int `opt:"archive" arg:"ID" help:"which one, by its number in accountListArchives (default: the newest of that name)"`
}

// AccountRestoreValue is the value of accountRestore.
type AccountRestoreValue struct {
	Account     string   `json:"account"`
	Archive     int      `json:"archive"`
	NotRestored []string `json:"not_restored"`
}

func accountRestoreCommand() *Command {
	return &Command{
		Name:       "accountRestore",
		Category:   Restricted,
		MasterOnly: true,
		Summary:    "bring a deleted account back",
		Long: "With its uid, keys, commands, accesses and roles. What it had of a group that is gone, or that\n" +
			"the group itself no longer has, does not come back, and is listed. A frozen account comes back\n" +
			"frozen. The host keys of targets are learned anew. The archive is gone then.",
		Examples: []string{"accountRestore --account alice", "accountRestore --account alice --archive 3"},
		New:      func() any { return new(AccountRestore) },
		Text: func(w io.Writer, r Result) error {
			var v AccountRestoreValue
			if err := json.Unmarshal(r.Value, &v); err != nil {
				return err
			}
			for _, what := range v.NotRestored {
				fmt.Fprintf(w, "NOT restored: %s\n", what)
			}
			return nil
		},
	}
}

// AccountListArchives is the request of accountListArchives.
type AccountListArchives struct{ FilterOptions }

// ArchiveLine is one archive in the value of accountListArchives.
type ArchiveLine struct {
	ID        int64  `json:"id"`
	Account   string `json:"account"`
	UID       int    `json:"uid"`
	DeletedBy string `json:"deleted_by"`
	Moment           // of the deletion
}

func accountListArchivesCommand() *Command {
	return &Command{
		Name:     "accountListArchives",
		Category: Restricted,
		Summary:  "list the deleted accounts that can be restored",
		Long:     "The newest first. They are kept until an administrator runs accountPurgeArchive.",
		Examples: []string{"accountListArchives --include alice"},
		New:      func() any { return new(AccountListArchives) },
		Text: func(w io.Writer, r Result) error {
			var v []ArchiveLine
			if err := json.Unmarshal(r.Value, &v); err != nil {
				return err
			}
			rows := [][]string{{"ID", "ACCOUNT", "UID", "DELETED", "BY"}}
			for _, a := range v {
				rows = append(rows, []string{strconv.FormatInt(a.ID, 10), a.Account, strconv.Itoa(a.UID), a.UTC, a.DeletedBy})
			}
			if len(v) > 0 {
				writeTable(w, rows)
			}
			return nil
		},
	}
}

// AccountPurgeArchive is the request of accountPurgeArchive.
type AccountPurgeArchive struct {
	Archive int `opt:"archive" arg:"ID" required:"true" help:"its number in accountListArchives"`
	ConfirmOption
}

// AccountPurgeArchiveValue is the value of accountPurgeArchive.
type AccountPurgeArchiveValue struct {
	Account string `json:"account"`
	Archive int    `json:"archive"`
}

func accountPurgeArchiveCommand() *Command {
	return &Command{
		Name:       "accountPurgeArchive",
		Category:   Admin,
		MasterOnly: true,
		Summary:    "destroy a deleted account for good",
		Long:       "With its egress keys: it can't be restored any more.",
		Examples:   []string{"accountPurgeArchive --archive 3"},
		New:        func() any { return new(AccountPurgeArchive) },
		Local:      confirmed,
	}
}
