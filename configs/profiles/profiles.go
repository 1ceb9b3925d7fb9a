// Package profiles embeds the device profiles that come with the program.
package profiles

import "embed"

// Files holds NAME.yaml for each of them.
//
//go:embed *.yaml
var Files embed.FS
