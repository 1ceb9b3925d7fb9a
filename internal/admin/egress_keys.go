package admin

import (
	"context"

	"gateway"
	"gateway/internal/osh"
)

func selfListEgressKeys(_ context.Context, c *call, _ *osh.SelfListEgressKeys) (osh.Result, error) {
	me, err := c.self(c.state())
	if err != nil {
		return osh.Result{}, err
	}
	return c.ok(c.egressKeys(me.EgressKeys), "")
}

// egressKeys shows keys by fingerprint.
func (c *call) egressKeys(keys []gateway.EgressKey) map[string]osh.Key {
	v := map[string]osh.Key{}
	for _, k := range keys {
		v[k.Fingerprint] = c.egressKey(k)
	}
	return v
}
