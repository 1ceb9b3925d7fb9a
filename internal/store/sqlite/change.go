package sqlite

import (
	"fmt"
	"net/netip"
	"time"

	"gateway"
	"gateway/internal/store"
)

// Grant implements store.Tx.
func (t *tx) Grant(account, command string) (bool, error) {
	return t.toggle(account, "INSERT INTO account_grant (account_id, command) VALUES (?, ?) ON CONFLICT DO NOTHING", command)
}

// Revoke implements store.Tx.
func (t *tx) Revoke(account, command string) (bool, error) {
	return t.toggle(account, "DELETE FROM account_grant WHERE account_id = ? AND command = ?", command)
}

func (t *tx) toggle(account, text, command string) (bool, error) {
	id, err := t.accountID(account)
	if err != nil {
		return false, err
	}
	changed, err := t.exec(text, id, command)
	if changed {
		t.accounts[account] = true
	}
	return changed, wrap("change grant", err)
}

// AddIngressKey implements store.Tx.
func (t *tx) AddIngressKey(account string, k gateway.IngressKey) (int64, error) {
	owner, err := t.accountID(account)
	if err != nil {
		return 0, err
	}
	id, err := t.insert(`INSERT INTO ingress_key (account_id, type, blob, comment, sources, added_by, added_at, uniq_id)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		owner, k.Type, k.Blob, k.Comment, joinNetworks(k.From), k.AddedBy, micro(k.AddedAt), k.UniqID)
	if err != nil {
		return 0, wrap("add ingress key", err)
	}
	t.accounts[account] = true
	return id, nil
}

// DelIngressKey implements store.Tx.
func (t *tx) DelIngressKey(account string, id int64) error {
	owner, err := t.accountID(account)
	if err != nil {
		return err
	}
	found, err := t.exec("DELETE FROM ingress_key WHERE id = ? AND account_id = ?", id, owner)
	if err == nil && !found {
		err = gateway.ErrNotFound
	}
	if err != nil {
		return wrap(fmt.Sprintf("delete ingress key %d", id), err)
	}
	t.accounts[account] = true
	return nil
}

// CreateGroup implements store.Tx.
func (t *tx) CreateGroup(g *gateway.Group) error {
	_, err := t.exec("INSERT INTO user_group ("+groupScalars+", name) VALUES ("+marks(7)+")", append(groupScalarsOf(g), g.Name)...)
	if err != nil {
		return wrap(fmt.Sprintf("create group %q", g.Name), err)
	}
	t.groups[g.Name] = true
	return nil
}

const groupScalars = "created, created_by, mfa_required, guest_ttl_limit, idle_lock, idle_kill"

func groupScalarsOf(g *gateway.Group) []any {
	return []any{
		micro(g.Created), g.CreatedBy, string(g.MFARequired), g.GuestTTLLimit.Microseconds(), micros(g.IdleLock), micros(g.IdleKill),
	}
}

// UpdateGroup implements store.Tx.
func (t *tx) UpdateGroup(g *gateway.Group) error {
	found, err := t.exec("UPDATE user_group SET ("+groupScalars+") = ("+marks(6)+") WHERE name = ?", append(groupScalarsOf(g), g.Name)...)
	if err == nil && !found {
		err = gateway.ErrNotFound
	}
	if err != nil {
		return wrap(fmt.Sprintf("update group %q", g.Name), err)
	}
	t.groups[g.Name] = true
	return nil
}

// RenameGroup implements store.Tx.
func (t *tx) RenameGroup(name, to string, reseal store.Reseal) error {
	id, err := t.groupID(name)
	if err != nil {
		return err
	}
	if _, err := t.exec("UPDATE user_group SET name = ? WHERE id = ?", to, id); err != nil {
		return wrap(fmt.Sprintf("rename group %q to %q", name, to), err)
	}
	t.groups[name], t.groups[to] = true, true
	return t.reseal("group_id", id, reseal)
}

// DeleteGroup implements store.Tx.
func (t *tx) DeleteGroup(name string) error {
	id, err := t.groupID(name)
	if err != nil {
		return err
	}
	if _, err := t.exec("DELETE FROM user_group WHERE id = ?", id); err != nil {
		return wrap(fmt.Sprintf("delete group %q", name), err)
	}
	t.groups[name] = true
	return nil
}

// AddRole implements store.Tx.
func (t *tx) AddRole(group string, r gateway.Role, account string, ends, now time.Time) (bool, error) {
	return t.role(`INSERT INTO role (group_id, role, account_id, ends) VALUES (?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET ends = excluded.ends WHERE ends <> 0 AND ends <= ?`, group, r, account, micro(ends), micro(now))
}

// DelRole implements store.Tx.
func (t *tx) DelRole(group string, r gateway.Role, account string) (bool, error) {
	return t.role("DELETE FROM role WHERE group_id = ? AND role = ? AND account_id = ?", group, r, account)
}

func (t *tx) role(text, group string, r gateway.Role, account string, more ...any) (bool, error) {
	switch r {
	case gateway.Owner, gateway.Gatekeeper, gateway.Aclkeeper, gateway.Member:
	default: // a guest is who has guest accesses
		return false, fmt.Errorf("change role %q: %w", r, gateway.ErrInvalid)
	}
	g, err := t.groupID(group)
	if err != nil {
		return false, err
	}
	a, err := t.accountID(account)
	if err != nil {
		return false, err
	}
	changed, err := t.exec(text, append([]any{g, string(r), a}, more...)...)
	if changed {
		t.groups[group] = true
	}
	return changed, wrap("change role", err)
}

// owner is a store.Owner as the columns have it: nil is null.
type owner struct{ account, group any }

func (t *tx) owner(o store.Owner) (own owner, err error) {
	account := o.Account
	switch {
	case o.Account != "" && o.Group == "" && o.Guest == "":
	case o.Account == "" && o.Group != "":
		account = o.Guest
		if own.group, err = t.groupID(o.Group); err != nil {
			return owner{}, err
		}
	default:
		return owner{}, fmt.Errorf("owner %+v: %w", o, gateway.ErrInvalid)
	}
	if account != "" {
		if own.account, err = t.accountID(account); err != nil {
			return owner{}, err
		}
	}
	return own, nil
}

// touch notes whose list changed: a guest's is part of the group.
func (t *tx) touch(o store.Owner) {
	if o.Group != "" {
		t.groups[o.Group] = true
	} else {
		t.accounts[o.Account] = true
	}
}

// AddEgressKey implements store.Tx.
func (t *tx) AddEgressKey(o store.Owner, k gateway.EgressKey, sealed []byte) (int64, error) {
	own, err := t.owner(o)
	if err == nil && o.Guest != "" {
		err = fmt.Errorf("a guest has no keys in a group: %w", gateway.ErrInvalid)
	}
	if err != nil {
		return 0, wrap("add egress key", err)
	}
	id, err := t.insert(`INSERT INTO egress_key (account_id, group_id, type, blob, size, fingerprint, comment, created, sealed)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		own.account, own.group, k.Type, k.Blob, k.Size, k.Fingerprint, k.Comment, micro(k.Created), sealed)
	if err != nil {
		return 0, wrap("add egress key", err)
	}
	t.touch(o)
	return id, nil
}

// DelEgressKey implements store.Tx.
func (t *tx) DelEgressKey(id int64) error {
	var o store.Owner
	err := t.one(`SELECT coalesce(account.name, ''), coalesce(user_group.name, '') FROM egress_key
		LEFT JOIN account ON account.id = account_id LEFT JOIN user_group ON user_group.id = group_id
		WHERE egress_key.id = ?`, []any{id}, &o.Account, &o.Group)
	if err == nil {
		_, err = t.exec("DELETE FROM egress_key WHERE id = ?", id)
	}
	if err != nil {
		return wrap(fmt.Sprintf("delete egress key %d", id), err)
	}
	t.touch(o)
	return nil
}

// AddAccess implements store.Tx. What replaces an expired access is a new one:
// it stands at the end of the list.
func (t *tx) AddAccess(o store.Owner, a gateway.Access, now time.Time) (bool, error) {
	own, network, err := t.identity(o, a)
	if err != nil {
		return false, wrap("add access", err)
	}
	// micro rounds down, so that what is expired for Access.Expired is for us.
	_, err = t.exec("DELETE FROM access WHERE "+identity+" AND expires <> 0 AND expires <= ?", append(network, micro(now))...)
	if err != nil {
		return false, wrap("replace access", err)
	}
	added, err := t.exec(`INSERT INTO access (account_id, group_id, login, network, bits, port, expires, force_key,
		force_password, legacy, comment, added_by, added_at, proxy_addr, proxy_port, proxy_login,
		profile, netconf) VALUES (`+marks(18)+`) ON CONFLICT DO NOTHING`,
		own.account, own.group, a.User, network[2], network[3], a.Port, micro(a.Expires), a.ForceKey,
		a.ForcePassword, a.Legacy, a.Comment, a.AddedBy, micro(a.AddedAt), proxyBytes(a.Proxy.Addr), a.Proxy.Port, a.Proxy.User,
		a.Profile, a.NETCONF)
	if added {
		t.touch(o)
	}
	return added, wrap("add access", err)
}

// DelAccess implements store.Tx.
func (t *tx) DelAccess(o store.Owner, a gateway.Access) (bool, error) {
	_, args, err := t.identity(o, a)
	if err != nil {
		return false, wrap("delete access", err)
	}
	changed, err := t.exec("DELETE FROM access WHERE "+identity, args...)
	if changed {
		t.touch(o)
	}
	return changed, wrap("delete access", err)
}

// identity is the condition, in the form of the index, for which the method of
// that name gives the arguments.
const identity = `coalesce(group_id, 0) = coalesce(?, 0) AND coalesce(account_id, 0) = coalesce(?, 0)
	AND network = ? AND bits = ? AND port = ? AND login = ? AND proxy_addr = ? AND proxy_port = ? AND proxy_login = ?`

func (t *tx) identity(o store.Owner, a gateway.Access) (owner, []any, error) {
	own, err := t.owner(o)
	if err != nil {
		return owner{}, nil, err
	}
	p, ok := gateway.NormalNetwork(a.Prefix)
	if !ok {
		return owner{}, nil, fmt.Errorf("network %s: %w", a.Prefix, gateway.ErrInvalid)
	}
	return own, []any{own.group, own.account, p.Addr().AsSlice(), p.Bits(), a.Port, a.User, proxyBytes(a.Proxy.Addr), a.Proxy.Port, a.Proxy.User}, nil
}

// proxyBytes gives the address of a jump host, not null but empty for none, as
// null never equals null.
func proxyBytes(a netip.Addr) []byte {
	if b := addrBytes(a); b != nil {
		return b
	}
	return []byte{}
}
