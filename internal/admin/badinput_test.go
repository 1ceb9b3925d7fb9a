package admin_test

import (
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gateway"
	"gateway/internal/admin"
	"gateway/internal/osh"
)

// hostile is text that hardly any name, address, number or duration can be.
var hostile = []string{
	" ", "a b", "\x00", "a\nb", "a\x1b[31mb", "a\u202eb", "--all", "../../etc/passwd", "'; DROP TABLE account; --", `"`, "`id`", "$(id)", "%s%n",
	strings.Repeat("a", 300), strings.Repeat("9", 40), "é", "a/b", "10.0.0.1/33", "10.0.0.1/8", "fe80::1%eth0", "[::1", "1.2.3.4.5", "0x7f.1", "-1", "65536", "1e9",
	"99999999999999999999y", "1d-2h",
}

// freeText are the fields that hold words of people, or patterns: they are taken
// as they are, made printable.
var freeText = []string{"Comment", "Reason", "Message", "Include", "Exclude", "Confirm", "Lines"}

// TestHostileInput puts hostile text into every option of every command, as
// the owner of the node, whom nothing else would stop. No command may succeed
// with it, fail on it in an unforeseen way, repeat it to a terminal or change
// anything.
func TestHostileInput(t *testing.T) {
	w := newWorld(t)
	before := w.live.Load()
	for _, cmd := range osh.Commands() {
		if cmd.Name == "help" { // it looks its option up before the monitor is asked
			continue
		}
		for _, f := range reflect.VisibleFields(reflect.TypeOf(cmd.New()).Elem()) {
			unused := strings.HasSuffix(cmd.Name, "ForgetHostKey") && f.Name == "User"
			if f.Anonymous || !f.IsExported() || unused || slices.Contains(freeText, f.Name) {
				continue
			}
			for _, value := range hostile {
				if wellFormed(f.Name, value) {
					continue
				}
				req := likely(cmd)
				if !put(reflect.ValueOf(req).Elem().FieldByIndex(f.Index), value) {
					break
				}
				r := w.runAs(admin.Actor{Account: "bob", Local: true}, cmd.Name, req)
				r.Close()
				if strings.HasPrefix(r.Code, "OK") || r.Code == "ERR_INTERNAL" {
					t.Errorf("%s with %s = %q: %s %s", cmd.Name, f.Name, value, r.Code, r.Message)
				}
				printable(t, r)
				if w.live.Load() != before {
					t.Fatalf("%s with %s = %q changed something", cmd.Name, f.Name, value)
				}
			}
		}
	}
}

// wellFormed reports whether a value is one of those that the grammar of the
// field's name has, odd though it looks.
func wellFormed(field, value string) bool {
	var err error
	switch field {
	case "User", "ProxyUser":
		_, err = gateway.ParseUserPattern(value)
	case "Account", "To", "Owner":
		err = gateway.CheckAccountName(value)
	case "Name", "DB":
		err = gateway.CheckDatabaseName(value)
	case "Database", "Login", "Role":
		err = gateway.CheckServerName(value)
	case "TTL", "StatementTimeout", "IdleInTransaction", "GuestTTLLimit", "IdleLock", "IdleKill":
		_, err = gateway.ParseTTL(strings.TrimPrefix(value, "-"))
	case "Profile":
		return regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`).MatchString(value)
	case "IgnoreGroup":
		err = gateway.CheckGroupName(value)
	case "After", "Before": // seconds since 1970
		_, err = strconv.Atoi(strings.TrimPrefix(value, "-"))
	case "List": // whether there are such hosts shows when they are connected to
		if _, err = netip.ParseAddr(value); gateway.IsHostname(value) {
			err = nil
		}
	default:
		return false
	}
	return err == nil
}

// put sets a field that holds text; numbers can't be anything else than that.
func put(f reflect.Value, value string) bool {
	switch f.Interface().(type) {
	case string:
		f.SetString(value)
	case []string:
		f.Set(reflect.ValueOf([]string{value}))
	default:
		return false
	}
	return true
}

// likely is a request of cmd as a person would write it.
func likely(cmd *osh.Command) any {
	req := cmd.New()
	v := reflect.ValueOf(req).Elem()
	for name, value := range map[string]string{
		"Account": "bob", "Group": "web", "Owner": "bob", "Host": "192.0.2.1", "Name": "orders", "Database": "app", "Login": "app", "User": "root", "Port": "22", "Command": "accountCreate",
	} {
		if f := v.FieldByName(name); f.IsValid() && f.Kind() == reflect.String {
			f.SetString(value)
		}
	}
	return req
}
