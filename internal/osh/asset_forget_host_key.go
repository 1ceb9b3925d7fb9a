package osh

// AssetForgetHostKey is the request of assetForgetHostKey.
type AssetForgetHostKey struct{ SelfForgetHostKey }

// AssetForgetHostKeyValue is the value of assetForgetHostKey.
type AssetForgetHostKeyValue struct {
	// ChangedFiles is a number: of what accounts knew about the target.
	ChangedFiles string `json:"changed_files"`
}

func assetForgetHostKeyCommand() *Command {
	return &Command{
		Name:     "assetForgetHostKey",
		Category: Restricted,
		Summary:  "forget the host key of a target for every account",
		Long: "For a target that was installed anew. The next connection of each account learns the key that the\n" +
			"target has then. Make sure that it changed for a reason.",
		Examples: []string{"assetForgetHostKey --host 192.0.2.7", "assetForgetHostKey --host 192.0.2.7 --port 2222"},
		New:      func() any { return new(AssetForgetHostKey) },
	}
}
