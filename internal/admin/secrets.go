package admin

import "gateway/internal/store"

// KeyContext is what the sealed half of an egress key of o is bound to.
func KeyContext(o store.Owner) string { return contextOf(o)(store.EgressKey) }

// PasswordContext is what a sealed egress password of o is bound to.
func PasswordContext(o store.Owner) string { return contextOf(o)(store.EgressPassword) }

// DatabaseContext is what a secret of that kind of the database of that name is
// bound to. A group that gets another name keeps its databases as they are.
func DatabaseContext(kind store.SecretKind, name string) string { return string(kind) + ":" + name }

// contextOf gives what the secrets of o are bound to, by their kind: a key that
// stood in for a password would be shown to a device.
func contextOf(o store.Owner) func(store.SecretKind) string {
	return func(kind store.SecretKind) string {
		if o.Group != "" {
			return string(kind) + ":group:" + o.Group
		}
		return string(kind) + ":account:" + o.Account
	}
}

// archiveContext is for the secrets of a deleted account: they can't be used
// before they are sealed for the account again.
func archiveContext(account string) func(store.SecretKind) string {
	of := contextOf(store.Owner{Account: account})
	return func(kind store.SecretKind) string { return "archived-" + of(kind) }
}

// reseal gives secrets another owner.
func (c *call) reseal(from, to func(store.SecretKind) string) store.Reseal {
	return func(kind store.SecretKind, sealed []byte) ([]byte, error) {
		return c.e.Vault.Reseal(sealed, from(kind), to(kind))
	}
}
