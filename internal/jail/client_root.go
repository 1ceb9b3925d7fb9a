package jail

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

const (
	// newRoot is where the client's root is put together: a folder that every
	// system has and that holds nothing of what is to be in it.
	newRoot    = "/proc"
	devTTY     = "/dev/tty"
	clientDisk = 16 << 20 // of /tmp
	homeDisk   = 2 << 20  // of the home folder
	hostname   = "gateway"
)

// makeRoot makes the file system of the client and enters it. It returns the
// listening socket in it and its home folder.
func (c *Client) makeRoot() (listener, home int, err error) {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return 0, 0, fmt.Errorf("keep mounts private: %w", err)
	}
	if err := mountMemory(newRoot, "mode=0755,size=1m,nr_inodes=512"); err != nil {
		return 0, 0, err
	}
	for _, path := range append([]string{c.Loader}, c.Files...) {
		if err := bind(path, path, false); err != nil {
			return 0, 0, err
		}
	}
	if err := bind(c.Program, c.path(), false); err != nil {
		return 0, 0, err
	}
	listener, err = listen(newRoot + c.Socket)
	if err != nil {
		return 0, 0, fmt.Errorf("listen on %s: %w", c.Socket, err)
	}
	devices := []string{os.DevNull}
	if c.TTY {
		devices = append(devices, devTTY)
	}
	for _, path := range append([]string{"/tmp", ClientHome}, devices...) {
		if err := makePlace(path, filepath.Dir(path) == "/"); err != nil {
			return 0, 0, err
		}
	}
	if err := setMount(newRoot, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV); err != nil {
		return 0, 0, err
	}
	for _, path := range devices {
		if err := bind(path, path, true); err != nil {
			return 0, 0, err
		}
		if err := setMount(newRoot+path, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC); err != nil {
			return 0, 0, err
		}
	}
	if err := c.makeWritable(); err != nil {
		return 0, 0, err
	}
	if err := enterRoot(); err != nil {
		return 0, 0, err
	}
	home, err = unix.Open(ClientHome, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, 0, fmt.Errorf("open home: %w", err)
	}
	return listener, home, nil
}

// mountMemory mounts a file system in memory that nothing is executed from.
func mountMemory(path, options string) error {
	if err := unix.Mount("gateway", path, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		return fmt.Errorf("mount memory: %w", err)
	}
	return nil
}

// setMount adds attributes to a mount and all beneath it.
func setMount(path string, attributes uint64) error {
	attr := unix.MountAttr{Attr_set: attributes}
	if err := unix.MountSetattr(unix.AT_FDCWD, path, unix.AT_RECURSIVE, &attr); err != nil {
		return fmt.Errorf("make mounts read-only: %w", err)
	}
	return nil
}

// makePlace makes a folder or an empty file to mount something on.
func makePlace(path string, folder bool) error {
	target := newRoot + path
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return fmt.Errorf("make jail: %w", err)
	}
	var err error
	if folder {
		err = os.Mkdir(target, 0o755)
	} else {
		err = os.WriteFile(target, nil, 0o444)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make jail: %w", err)
	}
	return nil
}

// bind shows path of the host as target in the new root, where its place is
// made unless ready.
func bind(path, target string, ready bool) error {
	if path == "" {
		return nil
	}
	if !ready {
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("make jail: %w", err)
		}
		if err := makePlace(target, info.IsDir()); err != nil {
			return err
		}
	}
	if err := unix.Mount(path, newRoot+target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("show %s: %w", path, err)
	}
	return nil
}

// listen makes the socket that the gateway accepts the client's connections on.
func listen(path string) (int, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return 0, err
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return 0, err
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return 0, err
	}
	if err := os.Chmod(path, 0o666); err != nil { // only the client can see it
		return 0, err
	}
	return fd, unix.Listen(fd, clientFiles)
}

// makeWritable mounts what the client may write: /tmp, and its home folder
// with the files in it.
func (c *Client) makeWritable() error {
	owner := ",uid=" + strconv.FormatUint(uint64(c.UID), 10) + ",gid=" + strconv.FormatUint(uint64(c.UID), 10)
	if err := mountMemory(newRoot+"/tmp", "mode=0700,nr_inodes=256,size="+strconv.Itoa(clientDisk)+owner); err != nil {
		return err
	}
	home := newRoot + ClientHome
	if err := mountMemory(home, "mode=0700,nr_inodes=16,size="+strconv.Itoa(homeDisk)+owner); err != nil {
		return err
	}
	for name, content := range c.Home {
		path := filepath.Join(home, filepath.Base(name))
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return fmt.Errorf("fill home: %w", err)
		}
		if err := os.Chown(path, int(c.UID), int(c.UID)); err != nil {
			return fmt.Errorf("fill home: %w", err)
		}
	}
	for _, path := range []string{newRoot + "/tmp", home} {
		if err := setMount(path, unix.MOUNT_ATTR_NOEXEC|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOSUID); err != nil {
			return err
		}
	}
	return nil
}

// enterRoot makes the new root the only one and lets go of the host's.
func enterRoot() error {
	if err := unix.Chdir(newRoot); err != nil {
		return fmt.Errorf("enter jail: %w", err)
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("enter jail: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("let go of the host's files: %w", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return fmt.Errorf("enter jail: %w", err)
	}
	if err := unix.Sethostname([]byte(hostname)); err != nil {
		return fmt.Errorf("name the host: %w", err)
	}
	return nil
}
