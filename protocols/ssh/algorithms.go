package ssh

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// algorithmsFor lists what is negotiated, the best first. What is insecure today
// is only in it for old gear, and what is plainly broken (RC4) never.
func algorithmsFor(legacy bool) ssh.Algorithms {
	all, old := ssh.SupportedAlgorithms(), ssh.InsecureAlgorithms() // AES-GCM is first
	list := ssh.Algorithms{
		KeyExchanges: all.KeyExchanges,
		Ciphers:      all.Ciphers,
		MACs:         without(all.MACs, func(name string) bool { return name == ssh.HMACSHA1 }),
		HostKeys: []string{
			ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
			ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
		},
	}
	if !legacy {
		return list
	}
	list.KeyExchanges = append(list.KeyExchanges, old.KeyExchanges...)
	list.Ciphers = append(list.Ciphers, without(old.Ciphers, func(name string) bool { return strings.HasPrefix(name, "arcfour") })...)
	list.MACs = append(append(list.MACs, ssh.HMACSHA1), old.MACs...)
	// Certificates are not asked for: no authority is known for targets.
	list.HostKeys = append(list.HostKeys, without(old.HostKeys, func(name string) bool { return strings.Contains(name, "-cert-") })...)
	return list
}

func without(list []string, unwanted func(string) bool) []string {
	return slices.DeleteFunc(list, unwanted)
}

// hostKeyAlgorithms puts the algorithms for the known types of host keys first,
// so that a known key is met whenever the target still has it.
func hostKeyAlgorithms(known, all []string) []string {
	var first, rest []string
	for _, algorithm := range all {
		if slices.Contains(known, keyType(algorithm)) {
			first = append(first, algorithm)
		} else {
			rest = append(rest, algorithm)
		}
	}
	return append(first, rest...)
}

// keyType is the type of the keys that a signature algorithm is for.
func keyType(algorithm string) string {
	switch algorithm {
	case ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512:
		return ssh.KeyAlgoRSA
	}
	return algorithm
}

// noCommon names the kind of algorithm, what the peer has of it, and what would
// help.
func (a *attempt) noCommon(e *ssh.AlgorithmNegotiationError) error {
	has := without(slices.Clone(e.RequestedAlgorithms), func(name string) bool { // signs of extensions, no algorithms
		return strings.HasPrefix(name, "kex-strict-") || strings.HasPrefix(name, "ext-info-")
	})
	text := fmt.Sprintf("no common algorithm for %s: %s has only %s", line(e.What), a.peer, line(strings.Join(has, ",")))
	old := algorithmsFor(true)
	can := slices.Concat(old.KeyExchanges, old.Ciphers, old.MACs, old.HostKeys)
	var helps []string
	for _, name := range has {
		if slices.Contains(can, name) {
			helps = append(helps, name)
		}
	}
	switch {
	case len(helps) == 0:
		return errors.New(text + "; the gateway can do none of them, with --legacy on the access or without")
	case !a.lease.Legacy:
		return fmt.Errorf("%s; --legacy on the access permits %s, which is insecure", text, strings.Join(helps, ","))
	}
	return errors.New(text)
}
