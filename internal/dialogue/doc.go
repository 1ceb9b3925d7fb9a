// Package dialogue logs in to a device that talks to people: it recognises the
// prompts of a login dialogue by a device profile and says what to write. It
// is pure: no connection, no clock, no password.
//
// How to drive it:
//
//	profiles, err := dialogue.Decode(lease.Profiles) // as the monitor sent them
//	e, err := dialogue.New(profiles, user, dialogue.Options{Telnet: true})
//	s := dialogue.NewScrubber()
//	for {
//		// Read with a deadline of e.QuietTime(). Record and show s.Scrub(b),
//		// never b itself.
//		actions = e.Received(b) // bytes came
//		actions = e.Quiet()     // nothing came for e.QuietTime(); each time again
//		actions = e.Closed()    // the device closed the connection
//		actions = e.Expired()   // e.Step() is the same for e.Timeout()
//		e.Echo(on)              // telnet: the device says WILL or WONT ECHO
//		for _, a := range actions {
//			switch a := a.(type) {
//			case dialogue.Write:         // write a.Text; \r in it is the Enter key
//			case dialogue.WriteUser:     // write the login name and Enter
//			case dialogue.WritePassword: // get it; Received what came meanwhile, Interrupted;
//				// s.Add(password), write it and Enter, wipe it
//			case dialogue.Done:          // logged in; record and show s.Release(), then s.Wipe
//			case dialogue.Failed:        // close; a.Tail (scrubbed by s.Text) is for the audit only
//			}
//		}
//	}
//
// The engine is given what the device sends as it is; only people and records
// get what the Scrubber gives. A Conn that failed is closed: the next password
// is tried with a new connection, a new Engine and a new Scrubber.
//
// SSH asks in its own messages: Profiles.AsksPassword judges the text of a
// keyboard-interactive prompt. An Engine with Options.Start = AtShell goes on
// after an SSH login: menus, paging, the second password.
//
// Rules of this package:
//   - A prompt is the unfinished last line of what was received, in whole, and
//     nothing came after it for the quiet time. The same text in a banner is
//     followed by something, and is no prompt.
//   - The login password is asked for at most once in the life of an Engine: at
//     a password prompt, after the login name was sent (or before, if the
//     profile says that the device asks for no name), never after success.
//   - Success is a shell prompt of the profile after the password was sent, on
//     a line of its own; nothing else is.
//   - Everything is bounded: profiles, lines, steps, answers.
package dialogue
