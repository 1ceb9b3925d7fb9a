// Package profiles reads the device profiles of a node: those that come with
// the program and the files in DATA/profiles that replace them or add to them.
// It runs in the monitor: sessions have no files and read no YAML.
package profiles

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"gateway"
	shipped "gateway/configs/profiles"
	"gateway/internal/dialogue"
)

// Fallback is the profile that is used until another one is detected.
const Fallback = "generic"

// maxFiles bounds DATA/profiles.
const maxFiles = 64

// Set is the profiles of a node.
type Set struct {
	own, shipped map[string]dialogue.Profile
	broken       map[string]*Problem // files of the node, by the name of their profile
}

// Load reads the files NAME.yaml of dir, which may be missing, besides what
// comes with the program. A file that is wrong takes only its own profile
// away: see Problems. The error is that dir can't be read.
func Load(dir fs.FS) (*Set, error) {
	s := &Set{own: map[string]dialogue.Profile{}, shipped: map[string]dialogue.Profile{}, broken: map[string]*Problem{}}
	if err := read(shipped.Files, s.shipped, s.broken); err != nil || len(s.broken) > 0 {
		return nil, fmt.Errorf("the device profiles of the program: %w", errors.Join(err, s.Problems()))
	}
	if err := read(dir, s.own, s.broken); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("device profiles: %w", err)
	}
	return s, nil
}

func read(dir fs.FS, into map[string]dialogue.Profile, broken map[string]*Problem) error {
	files, err := fs.Glob(dir, "*.yaml")
	if err != nil {
		return err
	}
	if len(files) > maxFiles {
		return fmt.Errorf("%d files: want at most %d", len(files), maxFiles)
	}
	for _, file := range files {
		name := strings.TrimSuffix(file, ".yaml")
		p, err := parseFile(dir, file)
		if problem, ok := errors.AsType[*Problem](err); ok {
			broken[name] = problem
			continue
		}
		if err != nil {
			broken[name] = &Problem{File: file, Text: "it can't be read: " + err.Error()}
			continue
		}
		into[name] = p
	}
	return nil
}

func parseFile(dir fs.FS, file string) (dialogue.Profile, error) {
	info, err := fs.Stat(dir, file)
	if err != nil {
		return dialogue.Profile{}, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxSize {
		return dialogue.Profile{}, &Problem{File: file, Text: fmt.Sprintf("want a regular file of at most %d KiB", maxSize>>10)}
	}
	data, err := fs.ReadFile(dir, file)
	if err != nil {
		return dialogue.Profile{}, err
	}
	return Parse(file, data)
}

// Problems joins what is wrong with files of the node, nil for nothing.
func (s *Set) Problems() error {
	var list []error
	for _, name := range slices.Sorted(maps.Keys(s.broken)) {
		list = append(list, s.broken[name])
	}
	return errors.Join(list...)
}

// Get finds a profile. Its error wraps gateway.ErrNotFound, or is the *Problem
// of its file: the profile of the program does not stand in for one that was
// to replace it.
func (s *Set) Get(name string) (dialogue.Profile, error) {
	if problem := s.broken[name]; problem != nil {
		return dialogue.Profile{}, problem
	}
	if p, ok := s.own[name]; ok {
		return p, nil
	}
	if p, ok := s.shipped[name]; ok {
		return p, nil
	}
	return dialogue.Profile{}, fmt.Errorf("device profile %s: %w; there are %s", gateway.Printable(name), gateway.ErrNotFound, strings.Join(s.Names(), ", "))
}

// Own reports whether a profile is a file of the node.
func (s *Set) Own(name string) bool {
	_, ok := s.own[name]
	return ok
}

// Names lists the profiles that can be used, sorted.
func (s *Set) Names() []string {
	var names []string
	for name := range s.all() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// all leaves out what a broken file was to replace.
func (s *Set) all() map[string]dialogue.Profile {
	all := maps.Clone(s.shipped)
	maps.Copy(all, s.own)
	for name := range s.broken {
		delete(all, name)
	}
	return all
}

// Lease encodes what a session needs (see dialogue.Decode): the profile of
// that name, or with an empty one all among which it is found out, those of
// the node first. legacy says that the one that was named is of old gear.
func (s *Set) Lease(name string) (encoded string, legacy bool, err error) {
	if name == "" {
		encoded, err = s.encodeAll()
		return encoded, false, err
	}
	p, err := s.Get(name)
	if err != nil {
		return "", false, err
	}
	encoded, err = dialogue.Encode([]dialogue.Profile{p})
	return encoded, p.Legacy, err
}

func (s *Set) encodeAll() (string, error) {
	all := s.all()
	if _, ok := all[Fallback]; !ok {
		return "", s.broken[Fallback]
	}
	var own, rest []dialogue.Profile
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if s.Own(name) {
			own = append(own, all[name])
		} else {
			rest = append(rest, all[name])
		}
	}
	return dialogue.Encode(append(own, rest...))
}
