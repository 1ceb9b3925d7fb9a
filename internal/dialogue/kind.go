package dialogue

// Kind is why a login dialogue failed.
type Kind int

// The kinds of failures.
const (
	NoLoginPrompt        Kind = iota + 1 // none came, or what looked like one was none
	NoPasswordPrompt                     // none came after the login name
	NoShellPrompt                        // none came after the password
	AuthenticationFailed                 // the device asked again, or said so
	LockedOut                            // the device takes no more logins for a while
	SecondFailed                         // the second password was refused, or not asked for
	NoSecond                             // the profile in use has none
)

// Exit is the exit status of The Bastion for it.
func (k Kind) Exit() int {
	switch k {
	case NoLoginPrompt:
		return 2
	case NoPasswordPrompt:
		return 3
	case NoShellPrompt, SecondFailed, NoSecond:
		return 4
	}
	return 100
}

// Name is a word for it, as in stored dialogues.
func (k Kind) Name() string {
	switch k {
	case NoLoginPrompt:
		return "no-login-prompt"
	case NoPasswordPrompt:
		return "no-password-prompt"
	case NoShellPrompt:
		return "no-shell-prompt"
	case AuthenticationFailed:
		return "authentication-failed"
	case LockedOut:
		return "locked-out"
	case SecondFailed:
		return "second-failed"
	case NoSecond:
		return "no-second"
	}
	return "failed"
}

// Again reports whether another password may be tried, over a new connection.
func (k Kind) Again() bool { return k == AuthenticationFailed }

// String says it for people.
func (k Kind) String() string {
	switch k {
	case NoLoginPrompt:
		return "the device did not ask for a login name"
	case NoPasswordPrompt:
		return "the device did not ask for a password"
	case NoShellPrompt:
		return "the device did not come up with its prompt after the password"
	case AuthenticationFailed:
		return "the device refused the login name or the password"
	case LockedOut:
		return "the device takes no more logins at the moment: it is locked"
	case SecondFailed:
		return "the device did not grant more rights for the second password"
	case NoSecond:
		return "the device profile that was found has no second password; an access can name another with --profile"
	}
	return "the login failed"
}
