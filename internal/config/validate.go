package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gateway"
)

// Validate names everything that is wrong: the error joins one Problem each.
func (c *Config) Validate() error { return errors.Join(c.problems()...) }

func (c *Config) problems() []error {
	v := validator{c: c}
	v.main()
	v.keys()
	v.logging()
	v.limits()
	v.accounts()
	v.activeness()
	v.commands()
	if c.Sandbox != SandboxEnforce && c.Sandbox != SandboxRequire {
		v.fail("sandbox", "want enforce or require")
	}
	return v.problems
}

type validator struct {
	c        *Config
	problems []error
}

func (v *validator) fail(path, format string, args ...any) {
	v.problems = append(v.problems, Problem{Line: v.c.lines[path], Path: path, Text: fmt.Sprintf(format, args...)})
}

func (v *validator) between(path string, n, low, high int) {
	if n < low || n > high {
		v.fail(path, "%d is not between %d and %d", n, low, high)
	}
}

func (v *validator) oneOf(path, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		last := len(allowed) - 1
		v.fail(path, "%q: want %s or %s", value, strings.Join(allowed[:last], ", "), allowed[last])
	}
}

// each applies a check to every item of a list.
func (v *validator) each(path string, items []string, ok func(string) bool, want string) {
	for i, s := range items {
		if !ok(s) {
			v.fail(path+"["+strconv.Itoa(i)+"]", "%q: want %s", s, want)
		}
	}
}

func (v *validator) main() {
	c := v.c
	name := accountName()
	if !name(c.BastionName) {
		v.fail("bastionName", "%q: want 1 to 64 letters, digits, '.', '-' and '_'", c.BastionName)
	}
	if len(c.Listen) == 0 {
		v.fail("listen", "want at least one address")
	}
	if len(c.BastionCommand) > maxText {
		v.fail("bastionCommand", "longer than %d bytes", maxText)
	}
	v.each("listen", c.Listen, func(s string) bool {
		_, err := netip.ParseAddrPort(s)
		return err == nil
	}, "IP:PORT such as 0.0.0.0:22 or [::]:22")
	v.each("adminAccounts", c.AdminAccounts, name, "an account's name")
	v.each("superOwnerAccounts", c.SuperOwnerAccounts, name, "an account's name")
	if c.DocumentationURL != "" {
		if u, err := url.Parse(c.DocumentationURL); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			v.fail("documentationURL", "%q: want an address such as https://wiki.example.com/gateway", c.DocumentationURL)
		}
	}
	v.between("dnsSupportLevel", c.DNSSupportLevel, 0, 2)
	if !c.IPv4Allowed && !c.IPv6Allowed {
		v.fail("IPv4Allowed", "IPv4Allowed and IPv6Allowed are both false: no target could be reached")
	}
	login := regexp.MustCompile(`^[A-Za-z0-9._@+-]{0,128}$`).MatchString
	if !login(c.DefaultLogin) {
		v.fail("defaultLogin", "%q: want letters, digits and ._@+-", c.DefaultLogin)
	}
	v.each("acceptEnv", c.AcceptEnv, regexp.MustCompile(`^[A-Za-z_?*][A-Za-z0-9_?*]{0,63}$`).MatchString,
		"the name of a variable; '*' and '?' are wildcards")
}

// maxText bounds a text that people are shown.
const maxText = 1024

// accountName checks what may be the name of an account.
func accountName() func(string) bool {
	return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`).MatchString
}

func (v *validator) keys() {
	c := v.c
	egress := []string{"rsa", "ecdsa", "ed25519"}
	ingress := append(slices.Clone(egress), "ecdsa-sk", "ed25519-sk")
	algorithms := func(path string, have, known []string) {
		if len(have) == 0 {
			v.fail(path, "want at least one of %s", strings.Join(known, ", "))
		}
		v.each(path, have, func(s string) bool { return slices.Contains(known, s) }, "one of "+strings.Join(known, ", "))
	}
	algorithms("allowedIngressSshAlgorithms", c.AllowedIngressSSHAlgorithms, ingress)
	algorithms("allowedEgressSshAlgorithms", c.AllowedEgressSSHAlgorithms, egress)

	sizes := func(kind string, low, high, most int) {
		v.between("minimum"+kind+"RsaKeySize", low, 2048, most)
		v.between("maximum"+kind+"RsaKeySize", high, 2048, most)
		if low > high {
			v.fail("minimum"+kind+"RsaKeySize", "%d is above maximum%sRsaKeySize, %d", low, kind, high)
		}
	}
	sizes("Ingress", c.MinimumIngressRSAKeySize, c.MaximumIngressRSAKeySize, 16384)
	sizes("Egress", c.MinimumEgressRSAKeySize, c.MaximumEgressRSAKeySize, 8192)

	const path = "defaultAccountEgressKeySize"
	switch size := c.DefaultAccountEgressKeySize; c.DefaultAccountEgressKeyAlgorithm {
	case "rsa":
		v.between(path, size, c.MinimumEgressRSAKeySize, c.MaximumEgressRSAKeySize)
	case "ecdsa":
		if size != 256 && size != 384 && size != 521 {
			v.fail(path, "%d: want 256, 384 or 521 for ecdsa", size)
		}
	case "ed25519":
		if size != 256 {
			v.fail(path, "%d: want 256 for ed25519", size)
		}
	default:
		v.fail("defaultAccountEgressKeyAlgorithm", "%q: want rsa, ecdsa or ed25519", c.DefaultAccountEgressKeyAlgorithm)
		return
	}
	if !slices.Contains(c.AllowedEgressSSHAlgorithms, c.DefaultAccountEgressKeyAlgorithm) {
		v.fail("defaultAccountEgressKeyAlgorithm", "%s is not in allowedEgressSshAlgorithms", c.DefaultAccountEgressKeyAlgorithm)
	}
}

func (v *validator) logging() {
	c := v.c
	if f := c.AuditFile; f == "" || strings.HasSuffix(f, "/") {
		v.fail("auditFile", "%q: want the path of a file, or - for standard output", f)
	}
	u, err := url.Parse(c.SyslogAddress)
	valid := err == nil && u.User == nil && u.RawQuery == "" && u.Fragment == ""
	if valid {
		switch u.Scheme {
		case "unix":
			valid = u.Host == "" && strings.HasPrefix(u.Path, "/")
		case "udp", "tcp":
			valid = u.Hostname() != "" && u.Port() != "" && u.Path == ""
		default:
			valid = false
		}
	}
	if !valid {
		v.fail("syslogAddress", "%q: want unix:///PATH, udp://HOST:PORT or tcp://HOST:PORT", c.SyslogAddress)
	}
	if !regexp.MustCompile(`^(user|daemon|auth|authpriv|local[0-7])$`).MatchString(c.SyslogFacility) {
		v.fail("syslogFacility", "%q: want user, daemon, auth, authpriv, or local0 to local7", c.SyslogFacility)
	}
	if !regexp.MustCompile(`^[!-~]{1,48}$`).MatchString(c.SyslogDescription) {
		v.fail("syslogDescription", "%q: want 1 to 48 printable ASCII characters without a blank", c.SyslogDescription)
	}
}

func (v *validator) limits() {
	c := v.c
	const day = 24 * 60 * 60
	v.between("loginGraceTime", c.LoginGraceTime, 1, 600)
	v.between("maxConnections", c.MaxConnections, 1, 60_000) // each has a user id of its own
	v.between("maxConnectionsPerSource", c.MaxConnectionsPerSource, 1, 10_000)
	v.between("sessionsPerConnection", c.SessionsPerConnection, 1, 100)
	v.between("forwardsPerConnection", c.ForwardsPerConnection, 1, 1000)
	v.between("clientKeepAlive", c.ClientKeepAlive, 0, day)
	v.between("connectTimeout", c.ConnectTimeout, 1, 300)
	v.between("interactiveModeTimeout", c.InteractiveModeTimeout, 0, 365*day)
	v.between("idleLockTimeout", c.IdleLockTimeout, 0, 365*day)
	v.between("idleKillTimeout", c.IdleKillTimeout, 0, 365*day)
	if c.IdleKillTimeout > 0 && c.IdleKillTimeout <= c.IdleLockTimeout {
		v.fail("idleKillTimeout", "%d: want more than idleLockTimeout, %d: no session would be locked", c.IdleKillTimeout, c.IdleLockTimeout)
	}
	v.between("warnBeforeLockSeconds", c.WarnBeforeLockSeconds, 0, day)
	v.between("warnBeforeKillSeconds", c.WarnBeforeKillSeconds, 0, day)
	v.oneOf("fanciness", c.Fanciness, FancinessNone, FancinessBasic, FancinessFull)
}

func (v *validator) accounts() {
	c := v.c
	v.between("accountMaxInactiveDays", c.AccountMaxInactiveDays, 0, 36_500)
	v.between("accountUidMin", c.AccountUIDMin, 100, 1<<31-1)
	if c.AccountUIDMax < c.AccountUIDMin+1000 {
		v.fail("accountUidMax", "%d: want at least accountUidMin + 1000, %d", c.AccountUIDMax, c.AccountUIDMin+1000)
	}
	v.each("accountCreateSupplementaryGroups", c.AccountCreateSupplementaryGroups,
		regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,63}$`).MatchString, "osh-COMMAND or COMMAND")
	v.each("accountCreateDefaultPersonalAccesses", c.AccountCreateDefaultPersonalAccesses,
		func(s string) bool { _, err := gateway.ParseAccess(s); return err == nil }, "[USER@]IP[/LEN][:PORT]")
}

// baseDir stands for the data folder in the path of a program.
const baseDir = "$BASEDIR"

// activeness checks what decides at login whether an account is active, and the
// programs that are asked.
func (v *validator) activeness() {
	c := v.c
	if len(c.AccountExpiredMessage) > maxText {
		v.fail("accountExpiredMessage", "longer than %d bytes", maxText)
	}
	v.each("alwaysActiveAccounts", c.AlwaysActiveAccounts, accountName(), "an account's name")
	v.oneOf("accountMFAPolicy", c.AccountMFAPolicy, MFADisabled, "enabled", "password-required", "totp-required", "any-required")
	v.program("accountExternalValidationProgram", c.AccountExternalValidationProgram)
	v.program("databasePasswordProgram", c.DatabasePasswordProgram)
}

// program checks the path of a program of the operators'.
func (v *validator) program(key, p string) {
	rest, _ := strings.CutPrefix(p, baseDir)
	if p != "" && (!strings.HasPrefix(rest, "/") || path.Clean(rest) != rest || rest == "/") {
		v.fail(key, "%q: want an absolute path without '.', '..' and a slash at the end; %s at its start stands for the data folder", p, baseDir)
	}
}

// ActivenessProgram gives the path of AccountExternalValidationProgram for
// that data folder.
func (c *Config) ActivenessProgram(folder string) string {
	return inFolder(c.AccountExternalValidationProgram, folder)
}

// PasswordProgram gives the path of DatabasePasswordProgram for that data folder.
func (c *Config) PasswordProgram(folder string) string {
	return inFolder(c.DatabasePasswordProgram, folder)
}

func inFolder(program, folder string) string {
	if rest, ok := strings.CutPrefix(program, baseDir); ok {
		return folder + rest
	}
	return program
}
