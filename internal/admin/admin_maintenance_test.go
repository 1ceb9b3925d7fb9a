package admin_test

import (
	"strings"
	"testing"

	"gateway/internal/osh"
)

func TestAdminMaintenance(t *testing.T) {
	w := newWorld(t)
	for want, r := range map[string]osh.AdminMaintenance{
		"ERR_MISSING_PARAMETER":       {},
		"ERR_INCOMPATIBLE_PARAMETERS": {Lock: true, Unlock: true},
	} {
		w.want(want, "boss", "adminMaintenance", r)
	}
	w.want("ERR_INCOMPATIBLE_PARAMETERS", "boss", "adminMaintenance", osh.AdminMaintenance{Unlock: true, Message: "x"})
	for _, name := range []string{"zoe", "super", "eve"} {
		w.want("KO_RESTRICTED_COMMAND", name, "adminMaintenance", osh.AdminMaintenance{Lock: true})
	}
	if w.live.Load().Maintenance() != nil {
		t.Fatal("in maintenance mode before all")
	}
	w.set.ReadOnly = true // it is of this node
	w.golden("adminMaintenance-lock", w.want("OK", "boss", "adminMaintenance", osh.AdminMaintenance{Lock: true, Message: "new \x1b[2J \"disks\""}))
	if m := w.live.Load().Maintenance(); m == nil || m.By != "boss" || strings.ContainsAny(m.Message, "\x1b\"") || !m.At.Equal(w.now) {
		t.Errorf("maintenance is %+v", m)
	}
	w.golden("adminMaintenance-again", w.want("OK", "boss", "adminMaintenance", osh.AdminMaintenance{Lock: true}))
	w.golden("adminMaintenance-unlock", w.want("OK", "boss", "adminMaintenance", osh.AdminMaintenance{Unlock: true}))
	if m := w.live.Load().Maintenance(); m != nil {
		t.Errorf("maintenance is still %+v", m)
	}
}

// What is not offered yet says so to those who may use it, and to nobody else.
func TestNotYet(t *testing.T) {
	w := newWorld(t)
	for _, cmd := range osh.Commands() {
		if !cmd.NotYet {
			continue
		}
		values := map[string]any{"account": "member", "group": "web", "do-it": true, "policy": "never", "realm": "acme", "from": "192.0.2.1"}
		req := map[string]any{}
		for _, o := range osh.Options(cmd.New()) {
			if o.Required { // fields are named as options are
				req[strings.ReplaceAll(o.Names[0], "-", "")] = values[o.Names[0]]
			}
		}
		r := w.local(osh.CodeNotYet, cmd.Name, req)
		if r.Exit != 100 || r.Command == nil || !strings.Contains(r.Message, cmd.Name+" is not implemented") {
			t.Errorf("%s: %+v", cmd.Name, r)
		}
		if cmd.Category == osh.Restricted {
			w.want("KO_RESTRICTED_COMMAND", "zoe", cmd.Name, req)
		}
		if len(req) > 0 {
			w.local("ERR_MISSING_PARAMETER", cmd.Name, struct{}{})
		}
	}
	w.set.ReadOnly = true
	w.want("KO_READ_ONLY", "member", "selfMFASetupTOTP", osh.SelfMFASetupTOTP{})
}
