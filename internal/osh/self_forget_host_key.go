package osh

// SelfForgetHostKey is the request of selfForgetHostKey.
type SelfForgetHostKey struct {
	Host string `opt:"host,h" arg:"HOST" pos:"true" required:"true" complete:"host" help:"the target"`
	Port string `opt:"port,p" arg:"PORT" help:"its port, 22 if not given"`
	User string `opt:"user,u,l" arg:"USER" help:"accepted; host keys do not depend on it"`
}

// ForgottenHostKey says what happened to the keys of one target.
type ForgottenHostKey struct {
	Action string `json:"action"`
}

func selfForgetHostKeyCommand() *Command {
	return &Command{
		Name:     "selfForgetHostKey",
		Category: Open,
		Summary:  "forget the host key of a re-installed target",
		Long:     "The next connection learns the key that the target has then. Make sure that it changed for a reason.",
		Examples: []string{"selfForgetHostKey --host 192.0.2.7"},
		New:      func() any { return new(SelfForgetHostKey) },
	}
}
