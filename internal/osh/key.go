package osh

// Key is a public key as commands show it. Pointers and omitted fields differ
// between commands: scripts depend on each one's exact keys.
type Key struct {
	Base64      string   `json:"base64"`
	Comment     *string  `json:"comment"`
	Family      string   `json:"family"`
	Filename    *string  `json:"filename"`
	Fingerprint string   `json:"fingerprint"`
	FromList    []string `json:"fromList"`
	Fullpath    *string  `json:"fullpath"`
	ID          string   `json:"id"`
	Line        string   `json:"line"`
	Mtime       *int64   `json:"mtime"`
	Prefix      string   `json:"prefix"`
	Size        int      `json:"size"`
	Typecode    string   `json:"typecode"`
}

// GroupNamed is a request that names a group; the rights of its command depend
// on the roles in it.
type GroupNamed interface{ GroupName() string }

// GroupOption is embedded in requests about one group.
type GroupOption struct {
	Group string `opt:"group" arg:"GROUP" pos:"true" required:"true" complete:"group" help:"name of the group"`
}

// GroupName implements GroupNamed.
func (o *GroupOption) GroupName() string { return o.Group }

// AccountOption is embedded in requests about one account.
type AccountOption struct {
	Account string `opt:"account" arg:"ACCOUNT" pos:"true" required:"true" complete:"account" help:"name of the account"`
}
