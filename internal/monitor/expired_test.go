package monitor

import (
	"testing"
	"time"

	"gateway"
)

func TestExpiredText(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	ago := func(days int) time.Time { return now.AddDate(0, 0, -days).Add(-time.Hour) }
	for want, tt := range map[string]struct {
		message string
		a       gateway.Account
	}{
		"this account has expired because it was not used for too long; ask for accountUnexpire": {"", gateway.Account{LastLogin: ago(91)}},
		"gone for 91 days, 91":  {"gone for #DAYS# days, #DAYS#", gateway.Account{Created: ago(500), LastLogin: ago(91)}},
		"gone for 100 days":     {"gone for #DAYS# days", gateway.Account{Created: ago(100)}},
		"gone for ? days":       {"gone for #DAYS# days", gateway.Account{}},
		"call the service desk": {"call the service desk", gateway.Account{LastLogin: ago(91)}},
	} {
		if got := expiredText(tt.message, &tt.a, now); got != want {
			t.Errorf("expiredText(%q) = %q, want %q", tt.message, got, want)
		}
	}
}
