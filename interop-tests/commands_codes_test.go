package interop

import (
	"fmt"
	"strings"
)

// restricted is the category of commands that are granted one by one.
const restricted = "granted one by one"

// listed is a command as help lists it.
type listed struct{ name, category string }

// commandList is what help lists for the owner of the node: every command.
func commandList(g *gatewayProcess) ([]listed, error) {
	out, err := g.run("osh", "--", "help")
	if err != nil {
		return nil, err
	}
	var all []listed
	category := ""
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if title, ok := strings.CutSuffix(line, ":"); ok {
			category = title
		} else if category != "" && line != "" {
			all = append(all, listed{strings.Fields(line)[0], category})
		}
	}
	if len(all) == 0 {
		err = fmt.Errorf("help lists no command:\n%s", out)
	}
	return all, err
}
