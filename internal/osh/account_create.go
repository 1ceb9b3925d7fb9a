package osh

import "context"

// AccountCreate is the request of accountCreate.
type AccountCreate struct {
	AccountOption
	UID             *int   `opt:"uid" arg:"N" help:"its number"`
	UIDAuto         bool   `opt:"uid-auto" help:"take the lowest free number"`
	AlwaysActive    bool   `opt:"always-active" help:"never inactive"`
	OSHOnly         bool   `opt:"osh-only" help:"may run commands, may connect nowhere"`
	MaxInactiveDays *int   `opt:"max-inactive-days" arg:"N" help:"refuse login after that many days without; 0: never"`
	ImmutableKey    bool   `opt:"immutable-key" help:"the person can't add or remove ingress keys"`
	Comment         string `opt:"comment" arg:"TEXT" help:"who or what it is for"`
	PublicKey       string `opt:"public-key" arg:"KEY" help:"first ingress key, as in authorized_keys"`
	NoKey           bool   `opt:"no-key" help:"no ingress key for now: nobody can log in"`
	TTL             string `opt:"ttl" arg:"DURATION" help:"it expires after that long: seconds, or 1d7h8m"`
}

func accountCreateCommand() *Command {
	return &Command{
		Name:       "accountCreate",
		Category:   Restricted,
		MasterOnly: true,
		Summary:    "create an account",
		Long: "Without --public-key and --no-key the key is asked for. The account gets an egress key, and the\n" +
			"commands and accesses that the gateway's settings give to each new account.",
		Examples: []string{
			"accountCreate --account alice --uid-auto --public-key 'ssh-ed25519 AAAA…'",
			"accountCreate --account robot --uid-auto --no-key --osh-only --ttl 30d",
		},
		New:   func() any { return new(AccountCreate) },
		Local: accountCreateLocal,
	}
}

// accountCreateLocal asks for the key when that is all the line says nothing about.
func accountCreateLocal(ctx context.Context, env *Env, req any, run RunFunc) (Result, error) {
	r := req.(*AccountCreate)
	if r.PublicKey == "" && !r.NoKey && r.Account != "" && (r.UID != nil || r.UIDAuto) {
		typed, err := env.ask("Paste the public key of the new account: ")
		if err == nil {
			r.PublicKey = typed
		}
	}
	return run(ctx, r)
}
