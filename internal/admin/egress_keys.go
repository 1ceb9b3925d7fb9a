package admin

import (
	"context"
	"slices"

	"gateway"
	"gateway/internal/osh"
)

func selfListEgressKeys(_ context.Context, c *call, _ *osh.SelfListEgressKeys) (osh.Result, error) {
	me, err := c.self(c.state())
	if err != nil {
		return osh.Result{}, err
	}
	return c.ok(c.egressKeys(c.wantedKeys(me.EgressKeys)), "")
}

// wantedKeys gives the keys that the request's filter takes.
func (c *call) wantedKeys(keys []gateway.EgressKey) []gateway.EgressKey {
	return slices.DeleteFunc(slices.Clone(keys), func(k gateway.EgressKey) bool {
		return !c.page.take(c.egressKey(k).Line, k.Fingerprint)
	})
}

// egressKeys shows keys by fingerprint.
func (c *call) egressKeys(keys []gateway.EgressKey) map[string]osh.Key {
	v := map[string]osh.Key{}
	for _, k := range keys {
		v[k.Fingerprint] = c.egressKey(k)
	}
	return v
}
