package gateway

// MFA is a requirement of second factors.
type MFA string

// The requirements, from none to the strictest.
const (
	MFANone     MFA = ""
	MFAAny      MFA = "any" // whichever factor the account has
	MFAPassword MFA = "password"
	MFATOTP     MFA = "totp"
)

// ParseMFA reads a requirement as options write it; "none" is MFANone.
func ParseMFA(s string) (MFA, error) {
	switch m := MFA(s); m {
	case MFAAny, MFAPassword, MFATOTP:
		return m, nil
	case "none":
		return MFANone, nil
	}
	return "", ErrInvalid
}

// String gives the word that ParseMFA reads.
func (m MFA) String() string {
	if m == MFANone {
		return "none"
	}
	return string(m)
}

// Stricter gives the stricter of two requirements.
func (m MFA) Stricter(o MFA) MFA {
	rank := map[MFA]int{MFAAny: 1, MFAPassword: 2, MFATOTP: 3}
	if rank[o] > rank[m] {
		return o
	}
	return m
}

// RequiredOf gives what is left of m for an account: nothing of a factor that
// it need not prove. Any factor will do, unless it need not prove either.
func (m MFA) RequiredOf(a *Account) MFA {
	noPassword, noTOTP := a.MFAPassword == FactorBypass, a.MFATOTP == FactorBypass
	if m == MFAPassword && noPassword || m == MFATOTP && noTOTP || m == MFAAny && noPassword && noTOTP {
		return MFANone
	}
	return m
}

// SetupRefusal is the refusal of an account that has no factor with which it
// could do what m requires.
func (m MFA) SetupRefusal() Refusal {
	switch m {
	case MFAPassword:
		return RefusalMFAPassword
	case MFATOTP:
		return RefusalMFATOTP
	}
	return RefusalMFAAny
}

// SetupText says so to the person.
func (m MFA) SetupText() string {
	factor := map[MFA]string{MFAPassword: "a password", MFATOTP: "a one-time password (TOTP)"}[m]
	if factor == "" {
		factor = "any second factor"
	}
	return "this needs " + factor + ", and your account has none set up"
}
