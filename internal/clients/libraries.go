package clients

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
)

// libraryFolders are where the dynamic linker looks by itself, on the
// distributions that matter.
func libraryFolders() []string {
	multiarch := map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[runtime.GOARCH]
	return []string{"/lib/" + multiarch, "/usr/lib/" + multiarch, "/lib64", "/usr/lib64", "/lib", "/usr/lib"}
}

// maxLibraries bounds how many a program can need.
const maxLibraries = 200

// dependencies returns the dynamic linker of a program, empty if it is static,
// and the libraries that the linker will look for.
func dependencies(program string) (loader string, libraries []string, err error) {
	f, err := elf.Open(program)
	if err != nil {
		return "", nil, fmt.Errorf("program of clients: %w", err)
	}
	defer f.Close()
	if loader, err = interpreter(f); err != nil || loader == "" {
		return "", nil, err
	}
	queue, err := f.ImportedLibraries()
	if err != nil {
		return "", nil, fmt.Errorf("libraries of %s: %w", program, err)
	}
	seen := map[string]bool{filepath.Base(loader): true}
	for len(queue) > 0 && len(libraries) < maxLibraries {
		name := queue[0]
		queue = queue[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		path, needs, err := findLibrary(name, f.Machine)
		if err != nil {
			return "", nil, fmt.Errorf("libraries of %s: %w", program, err)
		}
		libraries = append(libraries, path)
		queue = append(queue, needs...)
	}
	return loader, libraries, nil
}

// interpreter is the dynamic linker that a program names.
func interpreter(f *elf.File) (string, error) {
	i := slices.IndexFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
	if i < 0 {
		return "", nil
	}
	b := make([]byte, min(f.Progs[i].Filesz, 256))
	if _, err := f.Progs[i].ReadAt(b, 0); err != nil {
		return "", fmt.Errorf("dynamic linker: %w", err)
	}
	return string(b[:max(slices.Index(b, 0), 0)]), nil
}

// findLibrary returns the path of a library for the machine and what it needs.
func findLibrary(name string, machine elf.Machine) (string, []string, error) {
	if filepath.Base(name) != name {
		return "", nil, fmt.Errorf("library %q: a name was expected", name)
	}
	for _, dir := range libraryFolders() {
		path := filepath.Join(dir, name)
		f, err := elf.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			continue // a linker script
		}
		if f.Machine != machine {
			f.Close()
			continue
		}
		needs, err := f.ImportedLibraries()
		f.Close()
		return path, needs, err
	}
	return "", nil, fmt.Errorf("library %s: %w", name, os.ErrNotExist)
}

// existing are those of the paths that are there.
func existing(paths ...string) []string {
	return slices.DeleteFunc(slices.Clone(paths), func(path string) bool {
		_, err := os.Stat(path)
		return err != nil
	})
}
