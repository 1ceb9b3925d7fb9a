package gateway

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// RPC is one operation of NETCONF as a right names it and as Allow is asked
// about it: the text of an Action of the kind "rpc".
type RPC struct {
	// Name is the local name of an operation that the standards define
	// ("get-config"), {namespace}name for any other; "*" in rights is all.
	Name string
	// Datastore is what it reads or changes: running, candidate, startup, url,
	// config (given in the request itself). Empty: the operation has none, or,
	// in rights, any. For commit see CommitConfirmed.
	Datastore string
}

// The forms of commit that have a right of their own.
const (
	// CommitConfirmed, with "-SECONDS" for another limit than
	// DefaultConfirm, is a commit that the device takes back by itself
	// unless it is confirmed within that time.
	CommitConfirmed = "confirmed"
	// CommitConfirming makes such a commit lasting; what may be committed with
	// a time limit may be confirmed too.
	CommitConfirming = "confirming"
)

// DefaultConfirm is how many seconds a confirmed commit lasts that names no
// time, RFC 6241 section 8.4.
const DefaultConfirm = 600

// Bounds of rights: of one name or namespace, and of one list.
const (
	maxRPCName      = 256
	maxRPCRights    = 64
	maxNETCONFLists = 8
)

// String gives what ParseRPC reads: "edit-config:candidate".
func (r RPC) String() string {
	if r.Datastore == "" {
		return r.Name
	}
	return r.Name + ":" + r.Datastore
}

// ParseRPC reads OPERATION[:DATASTORE].
func ParseRPC(s string) (RPC, error) {
	invalid := func() (RPC, error) {
		return RPC{}, fmt.Errorf("NETCONF operation %q: want OPERATION, OPERATION:DATASTORE or {NAMESPACE}OPERATION: %w", clip(s), ErrInvalid)
	}
	space, local := "", s
	if rest, ok := strings.CutPrefix(s, "{"); ok {
		if space, local, ok = strings.Cut(rest, "}"); !ok || !namespace(space) {
			return invalid()
		}
		space = "{" + space + "}"
	}
	local, store, has := strings.Cut(local, ":")
	switch {
	case !xmlName(local) && (local != "*" || space != ""):
		return invalid()
	case has && (!xmlName(store) || space != "" || local == "*"):
		return invalid()
	}
	return RPC{Name: space + local, Datastore: store}, nil
}

// xmlName is the part of the names of XML that standards use.
func xmlName(s string) bool {
	return len(s) > 0 && len(s) <= maxRPCName && strings.IndexByte("-.0123456789", s[0]) < 0 && portable(s)
}

func namespace(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`{},;"'<>&`, c) >= 0 {
			return false
		}
	}
	return len(s) <= maxRPCName
}

// NETCONFRights is a list of what NETCONF sessions may do. The zero value
// allows nothing but what every session may.
type NETCONFRights []RPC

// rightSets are names for several rights.
func rightSet(name string) []RPC {
	switch name {
	case "read":
		return []RPC{{"get", ""}, {"get-config", ""}, {"get-schema", ""}}
	case "edit": // all that leads to a commit, and not the commit
		return []RPC{{"discard-changes", ""}, {"edit-config", "candidate"}, {"lock", "candidate"}, {"unlock", "candidate"}, {"validate", "candidate"}}
	}
	return nil
}

// ParseNETCONFRights reads a list like that of --netconf-allow: operations
// separated by commas, "read" and "edit" for sets of them, "*" for all.
func ParseNETCONFRights(s string) (NETCONFRights, error) {
	if n := strings.Count(s, ",") + 1; n > maxRPCRights {
		return nil, fmt.Errorf("%d NETCONF rights: want at most %d: %w", n, maxRPCRights, ErrInvalid)
	}
	var rights NETCONFRights
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSpace(part)
		if set := rightSet(part); set != nil {
			rights = append(rights, set...)
			continue
		}
		r, err := ParseRPC(part)
		if err != nil {
			return nil, err
		}
		if err := r.checkRight(); err != nil {
			return nil, err
		}
		rights = append(rights, r)
	}
	slices.SortFunc(rights, func(a, b RPC) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Datastore, b.Datastore)) })
	return slices.Compact(rights), nil
}

// checkRight refuses a right that never allows anything, which is a mistake.
func (r RPC) checkRight() error {
	stores := rpcStores(r.Name)
	switch {
	case r.Datastore == "", slices.Contains(stores, r.Datastore):
		return nil
	case r.Name == "commit":
		if _, ok := confirmLimit(r.Datastore); ok {
			return nil
		}
		return fmt.Errorf("NETCONF right %s: want commit, commit:confirmed or commit:confirmed-SECONDS: %w", clip(r.String()), ErrInvalid)
	case stores == nil:
		return fmt.Errorf("NETCONF right %s: the operation has no datastore: %w", clip(r.String()), ErrInvalid)
	}
	return fmt.Errorf("NETCONF right %s: want a datastore of %s: %w", clip(r.String()), strings.Join(stores, ", "), ErrInvalid)
}

// rpcStores gives what an operation can be limited to, RFC 6241 sections 7 and 8.
func rpcStores(name string) []string {
	switch name {
	case "get-config", "lock", "unlock":
		return []string{"running", "candidate", "startup"}
	case "edit-config", "copy-config":
		return []string{"running", "candidate", "startup", "url"}
	case "delete-config":
		return []string{"startup", "candidate", "url"}
	case "validate":
		return []string{"running", "candidate", "startup", "url", "config"}
	}
	return nil
}

// confirmLimit reads "confirmed" and "confirmed-SECONDS".
func confirmLimit(s string) (seconds int, ok bool) {
	s, ok = strings.CutPrefix(s, CommitConfirmed)
	if !ok || s == "" {
		return DefaultConfirm, ok
	}
	n, err := strconv.Atoi(strings.TrimPrefix(s, "-"))
	return n, err == nil && s == "-"+strconv.Itoa(n) && n > 0
}

// String gives the canonical list, which ParseNETCONFRights reads.
func (l NETCONFRights) String() string {
	texts := make([]string, len(l))
	for i, r := range l {
		texts[i] = r.String()
	}
	return strings.Join(texts, ",")
}

// Allows reports whether the list has r. The session may always be closed.
func (l NETCONFRights) Allows(r RPC) bool {
	return r.Name == "close-session" || slices.ContainsFunc(l, func(have RPC) bool { return have.covers(r) })
}

// covers reports whether the right r is enough for the operation asked.
func (r RPC) covers(asked RPC) bool {
	switch {
	case r.Name == "*":
		return true
	case r.Name != asked.Name:
		return false
	case r.Datastore == "" || r.Datastore == asked.Datastore:
		return true
	case r.Name != "commit":
		return false
	}
	limit, ok := confirmLimit(r.Datastore)
	seconds, timed := confirmLimit(asked.Datastore)
	return ok && (timed && seconds <= limit || asked.Datastore == CommitConfirming)
}

// NETCONFAllows reports whether lists, as an Access has them, allow r: each of
// those that ';' joins must. No list allows all; one that can't be read nothing.
func NETCONFAllows(lists string, r RPC) bool {
	if lists == "" {
		return true
	}
	if strings.Count(lists, ";") >= maxNETCONFLists {
		return false
	}
	for text := range strings.SplitSeq(lists, ";") {
		rights, err := ParseNETCONFRights(text)
		if err != nil || !rights.Allows(r) {
			return false
		}
	}
	return true
}
