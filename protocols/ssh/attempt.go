package ssh

import (
	"fmt"
	"net"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/ssh"

	"gateway"
	"gateway/protocols"
)

// maxBanner is how much of a target's banner is shown.
const maxBanner = 8 << 10

// attempt is one login: what is offered, and what is known of how it went.
type attempt struct {
	peer    string // what it is at, for messages
	user    string
	lease   protocols.Lease
	signers []ssh.Signer
	// used is the key that signed last, which is the one that was accepted if
	// the login succeeds.
	used     *protocols.LeasedKey
	banner   strings.Builder
	password *autologin // logs in, instead of signers; nil: they do
	person   *person    // answers what is left after signers; nil: nobody does
	// trusted is set when the target's host key was found acceptable.
	trusted atomic.Bool
}

func newAttempt(peer, user string, l protocols.Lease) (*attempt, error) {
	a := &attempt{peer: peer, user: user, lease: l}
	for i := range l.Keys {
		s, err := a.newSigner(&l.Keys[i])
		if err != nil {
			return nil, &protocols.LoginError{Kind: protocols.AuthFailed, Err: err}
		}
		a.signers = append(a.signers, s)
	}
	// Some old gear announces signatures with SHA-2 and takes none of them.
	for _, s := range a.signers[:len(l.Keys)] {
		if old := s.(*signer).withSHA1(); old != nil {
			a.signers = append(a.signers, old)
		}
	}
	return a, nil
}

// worked returns the key that opened the door; there is none when the target
// asked for none.
func (a *attempt) worked() (protocols.LeasedKey, bool) {
	if a.used == nil {
		return protocols.LeasedKey{}, false
	}
	return *a.used, true
}

func (a *attempt) config() *ssh.ClientConfig {
	algorithms := algorithmsFor(a.lease.Legacy)
	config := &ssh.ClientConfig{
		Config: ssh.Config{
			KeyExchanges: algorithms.KeyExchanges,
			Ciphers:      algorithms.Ciphers,
			MACs:         algorithms.MACs,
		},
		User:              a.user,
		HostKeyCallback:   a.checkHostKey,
		HostKeyAlgorithms: hostKeyAlgorithms(a.lease.HostKeyTypes, algorithms.HostKeys),
		BannerCallback:    a.addBanner,
		ClientVersion:     "SSH-2.0-Gateway",
	}
	if a.password != nil {
		config.AuthCallback = a.password.next
		return config
	}
	config.Auth = []ssh.AuthMethod{ssh.PublicKeys(a.signers...)}
	if a.person != nil && a.lease.KeyboardInteractive {
		config.Auth = append(config.Auth, ssh.RetryableAuthMethod(ssh.KeyboardInteractive(a.person.challenge), maxTries))
	}
	if a.person != nil && a.lease.TypedPassword {
		config.Auth = append(config.Auth, ssh.RetryableAuthMethod(ssh.PasswordCallback(a.person.password), maxTries))
	}
	return config
}

// hostKeyError says that the lease's check refused a host key.
type hostKeyError struct {
	key   string
	cause error
}

func (e *hostKeyError) Error() string { return fmt.Sprintf("host key %s refused: %v", e.key, e.cause) }
func (e *hostKeyError) Unwrap() error { return e.cause }

// checkHostKey is called at each key exchange, also those of a running session.
func (a *attempt) checkHostKey(_ string, _ net.Addr, key ssh.PublicKey) error {
	name := key.Type() + " " + ssh.FingerprintSHA256(key)
	if a.lease.CheckHostKey == nil {
		return &hostKeyError{name, gateway.ErrDenied}
	}
	if err := a.lease.CheckHostKey(key.Type(), key.Marshal()); err != nil {
		return &hostKeyError{name, err}
	}
	a.trusted.Store(true)
	return nil
}

// addBanner keeps what the target wants to be read before the session, with
// nothing in it that drives a terminal.
func (a *attempt) addBanner(text string) error {
	if a.password != nil {
		a.password.hear(text)
		// The password may come in parts, each in a banner of its own.
		text = string(a.password.scrub.Scrub([]byte(text)))
	}
	a.keep(text)
	return nil
}

// seen is what the person gets to see of the banners.
func (a *attempt) seen() string {
	if a.password != nil {
		a.keep(string(a.password.scrub.Text(a.password.scrub.Release())))
	}
	return a.banner.String()
}

func (a *attempt) keep(text string) {
	for line := range strings.Lines(text) {
		line = gateway.Printable(strings.TrimRight(line, "\r\n"))
		if a.banner.Len()+len(line) > maxBanner {
			break
		}
		a.banner.WriteString(line + "\r\n")
	}
}
