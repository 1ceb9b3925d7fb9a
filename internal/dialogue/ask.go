package dialogue

// Locked reports whether one line of text, which did not come over a terminal,
// says that the device takes no more logins.
func (p *Profiles) Locked(text string) bool {
	if len(text) > maxLine {
		return false
	}
	line := newScreen()
	line.write([]byte(text), func([]byte) {})
	for _, c := range p.all {
		if matches(c.locked, line.unfinished()) {
			return true
		}
	}
	return false
}

// Named reports whether there is one profile, which is not to be found out.
func (p *Profiles) Named() bool { return len(p.all) == 1 }

// Types reports whether a profile has something to type at the shell: commands,
// if those are wanted, or an answer to a menu.
func (p *Profiles) Types(commands bool) bool {
	for _, c := range p.all {
		if commands && len(c.Commands) > 0 || len(c.Menu) > 0 {
			return true
		}
	}
	return false
}
