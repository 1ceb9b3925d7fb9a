package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"gateway"
)

// Load implements store.Store, from one moment's state.
func (s *Store) Load(ctx context.Context) ([]*gateway.Account, []*gateway.Group, error) {
	t, err := s.readers.BeginTx(ctx, nil)
	if err != nil {
		return nil, nil, wrap("load", err)
	}
	defer t.Rollback() // it only reads: nothing to lose
	accounts, err := readAccounts(ctx, t, "")
	if err != nil {
		return nil, nil, wrap("load accounts", err)
	}
	groups, err := readGroups(ctx, t, "")
	if err != nil {
		return nil, nil, wrap("load groups", err)
	}
	return accounts, groups, nil
}

// only restricts a query to one row's id, or to none in particular.
func only(id int64, clause string) (string, []any) {
	if id == 0 {
		return "", nil
	}
	return clause, []any{id}
}

// readAccounts reads the account of that name, or all of them for "".
func readAccounts(ctx context.Context, q querier, name string) ([]*gateway.Account, error) {
	text, args := `SELECT id, name, uid, created, created_by, comment, frozen_by, frozen_reason, frozen_at, expires,
		max_inactive_days, last_login, always_active, osh_only, host_key_policy, multiplexing, immutable_keys, idle_ignore,
		mfa_password, mfa_totp, personal_mfa, pam_auth_bypass, pubkey_auth_optional, created_with FROM account`, []any(nil)
	if name != "" {
		text, args = text+" WHERE name = ?", []any{name}
	}
	var list []*gateway.Account
	byID := map[int64]*gateway.Account{}
	var one int64
	err := each(ctx, q, text+" ORDER BY id", args, func(scan func(...any) error) error {
		var id, created, frozenAt, expires, lastLogin int64
		var frozenBy sql.NullString
		var frozenReason string
		var inactive sql.Null[int]
		a := new(gateway.Account)
		err := scan(&id, &a.Name, &a.UID, &created, &a.CreatedBy, &a.Comment, &frozenBy, &frozenReason, &frozenAt, &expires,
			&inactive, &lastLogin, &a.AlwaysActive, &a.OSHOnly, &a.HostKeyPolicy, &a.Multiplexing, &a.ImmutableKeys, &a.IdleIgnore,
			&a.MFAPassword, &a.MFATOTP, &a.PersonalMFA, &a.PAMAuthBypass, &a.PubkeyAuthOptional, &a.CreatedWith)
		a.Created, a.Expires, a.LastLogin = fromMicro(created), fromMicro(expires), fromMicro(lastLogin)
		if frozenBy.Valid {
			a.Freeze = &gateway.Freeze{By: frozenBy.String, Reason: frozenReason, At: fromMicro(frozenAt)}
		}
		if inactive.Valid {
			a.MaxInactiveDays = &inactive.V
		}
		list, byID[id] = append(list, a), a
		if name != "" {
			one = id
		}
		return err
	})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	if err := readGrants(ctx, q, one, byID); err != nil {
		return nil, err
	}
	if err := readIngressKeys(ctx, q, one, byID); err != nil {
		return nil, err
	}
	err = readEgressKeys(ctx, q, "account_id", one, func(id int64, k gateway.EgressKey) {
		byID[id].EgressKeys = append(byID[id].EgressKeys, k)
	})
	if err != nil {
		return nil, err
	}
	err = readEgressPasswords(ctx, q, "account_id", one, func(id int64, p gateway.EgressPassword) {
		byID[id].Passwords = append(byID[id].Passwords, p)
	})
	if err != nil {
		return nil, err
	}
	clause, args := only(one, " AND account_id = ?")
	return list, readAccesses(ctx, q, "account_id", "'' FROM access WHERE group_id IS NULL"+clause, args,
		func(id int64, _ string, a gateway.Access) { byID[id].Personal = append(byID[id].Personal, a) })
}

func readGrants(ctx context.Context, q querier, one int64, byID map[int64]*gateway.Account) error {
	clause, args := only(one, " WHERE account_id = ?")
	return each(ctx, q, "SELECT account_id, command FROM account_grant"+clause+" ORDER BY account_id, command", args,
		func(scan func(...any) error) error {
			var id int64
			var command string
			if err := scan(&id, &command); err != nil {
				return err
			}
			byID[id].Grants = append(byID[id].Grants, command)
			return nil
		})
}

func readIngressKeys(ctx context.Context, q querier, one int64, byID map[int64]*gateway.Account) error {
	clause, args := only(one, " WHERE account_id = ?")
	return each(ctx, q, `SELECT account_id, id, type, blob, comment, sources, added_by, added_at, uniq_id
		FROM ingress_key`+clause+" ORDER BY id", args,
		func(scan func(...any) error) error {
			var id, added int64
			var sources string
			var k gateway.IngressKey
			err := scan(&id, &k.ID, &k.Type, &k.Blob, &k.Comment, &sources, &k.AddedBy, &added, &k.UniqID)
			if err != nil {
				return err
			}
			k.AddedAt = fromMicro(added)
			if k.From, err = splitNetworks(sources); err != nil {
				return err
			}
			byID[id].IngressKeys = append(byID[id].IngressKeys, k)
			return nil
		})
}

// readEgressKeys reads the keys of the owners in a column, or of one of them.
func readEgressKeys(ctx context.Context, q querier, column string, one int64, give func(int64, gateway.EgressKey)) error {
	clause, args := only(one, " WHERE "+column+" = ?")
	if one == 0 {
		clause = " WHERE " + column + " IS NOT NULL"
	}
	return each(ctx, q, "SELECT "+column+", id, type, blob, size, fingerprint, comment, created FROM egress_key"+clause+" ORDER BY id", args,
		func(scan func(...any) error) error {
			var owner, created int64
			var k gateway.EgressKey
			if err := scan(&owner, &k.ID, &k.Type, &k.Blob, &k.Size, &k.Fingerprint, &k.Comment, &created); err != nil {
				return err
			}
			k.Created = fromMicro(created)
			give(owner, k)
			return nil
		})
}

// readAccesses reads accesses in the order in which they were added. The rest
// of the query follows the name of the guest in the list of columns.
func readAccesses(ctx context.Context, q querier, owner, rest string, args []any, give func(int64, string, gateway.Access)) error {
	return each(ctx, q, `SELECT access.login, access.network, access.bits, access.port, access.expires, access.force_key,
		access.force_password, access.legacy, access.comment, access.added_by, access.added_at,
		access.proxy_addr, access.proxy_port, access.proxy_login, access.profile, access.netconf, access.`+owner+`, `+rest+
		" ORDER BY access.id", args,
		func(scan func(...any) error) error {
			var network, proxy sql.RawBytes
			var bits int
			var expires, added, id int64
			var guest string
			var a gateway.Access
			err := scan(&a.User, &network, &bits, &a.Port, &expires, &a.ForceKey,
				&a.ForcePassword, &a.Legacy, &a.Comment, &a.AddedBy, &added,
				&proxy, &a.Proxy.Port, &a.Proxy.User, &a.Profile, &a.NETCONF, &id, &guest)
			if err != nil {
				return err
			}
			a.Expires, a.AddedAt = fromMicro(expires), fromMicro(added)
			if a.Prefix, err = prefix(network, bits); err != nil {
				return err
			}
			if len(proxy) > 0 {
				whole, err := prefix(proxy, 8*len(proxy))
				if err != nil {
					return err
				}
				a.Proxy.Addr = whole.Addr()
			}
			give(id, guest, a)
			return nil
		})
}

// readGroups reads the group of that name, or all of them for "".
func readGroups(ctx context.Context, q querier, name string) ([]*gateway.Group, error) {
	text, args := `SELECT id, name, created, created_by, mfa_required, guest_ttl_limit, idle_lock, idle_kill
		FROM user_group`, []any(nil)
	if name != "" {
		text, args = text+" WHERE name = ?", []any{name}
	}
	var list []*gateway.Group
	byID := map[int64]*gateway.Group{}
	var one int64
	err := each(ctx, q, text+" ORDER BY id", args, func(scan func(...any) error) error {
		var id, created, guestTTL int64
		var idleLock, idleKill sql.Null[int64]
		g := &gateway.Group{Guests: map[string][]gateway.Access{}}
		err := scan(&id, &g.Name, &created, &g.CreatedBy, &g.MFARequired, &guestTTL, &idleLock, &idleKill)
		g.Created, g.GuestTTLLimit = fromMicro(created), time.Duration(guestTTL)*time.Microsecond
		g.IdleLock, g.IdleKill = duration(idleLock), duration(idleKill)
		list, byID[id] = append(list, g), g
		if name != "" {
			one = id
		}
		return err
	})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	if err := readRoles(ctx, q, one, byID); err != nil {
		return nil, err
	}
	err = readEgressKeys(ctx, q, "group_id", one, func(id int64, k gateway.EgressKey) {
		byID[id].Keys = append(byID[id].Keys, k)
	})
	if err != nil {
		return nil, err
	}
	err = readEgressPasswords(ctx, q, "group_id", one, func(id int64, p gateway.EgressPassword) {
		byID[id].Passwords = append(byID[id].Passwords, p)
	})
	if err != nil {
		return nil, err
	}
	if err := readDatabases(ctx, q, one, byID); err != nil {
		return nil, err
	}
	// coalesce, because that is what the index is on.
	clause, args := only(one, " AND coalesce(group_id, 0) = ?")
	return list, readAccesses(ctx, q, "group_id",
		"coalesce(account.name, '') FROM access LEFT JOIN account ON account.id = access.account_id WHERE group_id IS NOT NULL"+clause,
		args, func(id int64, guest string, a gateway.Access) {
			if g := byID[id]; guest == "" {
				g.Accesses = append(g.Accesses, a)
			} else {
				g.Guests[guest] = append(g.Guests[guest], a)
			}
		})
}

func readRoles(ctx context.Context, q querier, one int64, byID map[int64]*gateway.Group) error {
	clause, args := only(one, " WHERE group_id = ?")
	return each(ctx, q, `SELECT group_id, role, account.name, ends FROM role JOIN account ON account.id = role.account_id`+
		clause+" ORDER BY account.name", args,
		func(scan func(...any) error) error {
			var id, ends int64
			var role gateway.Role
			var name string
			if err := scan(&id, &role, &name, &ends); err != nil {
				return err
			}
			g := byID[id]
			if ends != 0 {
				if g.Ends == nil {
					g.Ends = map[gateway.Holder]time.Time{}
				}
				g.Ends[gateway.Holder{Role: role, Account: name}] = fromMicro(ends)
			}
			switch role {
			case gateway.Owner:
				g.Owners = append(g.Owners, name)
			case gateway.Gatekeeper:
				g.Gatekeepers = append(g.Gatekeepers, name)
			case gateway.Aclkeeper:
				g.Aclkeepers = append(g.Aclkeepers, name)
			case gateway.Member:
				g.Members = append(g.Members, name)
			default:
				return fmt.Errorf("stored role %q: %w", role, gateway.ErrUnavailable)
			}
			return nil
		})
}
