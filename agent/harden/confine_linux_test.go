package harden

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// confined confines the test binary to what it needs and the folder rw, and
// says what it can do then.
func confined(args []string) {
	dir := args[0]
	if len(args) == 1 {
		places := Places{Read: []string{"/usr", "/lib", "/lib64", "/etc", "/proc/self/exe", dir + "/ro", dir + "/missing"},
			Write: []string{dir + "/rw"}, Devices: []string{"/dev"}}
		fmt.Println(Exec(places, []string{role + "=confined " + dir + " inside"}))
		os.Exit(1)
	}
	told := func(what string, err error) string {
		switch {
		case err == nil:
			return what + " done\n"
		case errors.Is(err, fs.ErrPermission):
			return what + " refused\n"
		}
		return what + " " + err.Error() + "\n"
	}
	read := func(path string) error { _, err := os.ReadFile(path); return err }
	write := func(path string) error { return os.WriteFile(path, []byte("x"), 0o600) }
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err == nil {
		err = null.Close()
	}
	says := told("device", err) +
		told("read outside", read(dir+"/secret")) + told("read ro", read(dir+"/ro/f")) + told("read system", read("/etc/passwd")) +
		told("write outside", write(dir+"/new")) + told("write ro", write(dir+"/ro/f")) + told("write rw", write(dir+"/rw/f")) +
		told("rename rw", os.Rename(dir+"/rw/f", dir+"/rw/g")) + told("move out", os.Rename(dir+"/rw/g", dir+"/g")) +
		told("remove outside", os.Remove(dir+"/secret")) + told("remove rw", os.Remove(dir+"/rw/g"))
	// Whatever thread it is.
	var all sync.WaitGroup
	refused := make(chan bool, 64)
	for range cap(refused) {
		all.Go(func() { refused <- errors.Is(read(dir+"/secret"), fs.ErrPermission) })
	}
	all.Wait()
	close(refused)
	for r := range refused {
		if !r {
			says += "a thread isn't confined\n"
		}
	}
	fmt.Print(says)
}

// TestConfined: a confined program reaches its places, and nothing else.
func TestConfined(t *testing.T) {
	if Landlock() == 0 {
		t.Skip("needs a kernel with Landlock")
	}
	dir := place(t)
	for _, err := range []error{
		os.Mkdir(filepath.Join(dir, "ro"), 0o777), os.Mkdir(filepath.Join(dir, "rw"), 0o777), os.Chmod(filepath.Join(dir, "rw"), 0o777),
		os.WriteFile(filepath.Join(dir, "secret"), nil, 0o666), os.WriteFile(filepath.Join(dir, "ro", "f"), nil, 0o666),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	cmd := as(t, dir, "confined "+dir)
	cmd.SysProcAttr = nil // it holds for root as well
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := "device done\nread outside refused\nread ro done\nread system done\nwrite outside refused\nwrite ro refused\nwrite rw done\n" +
		"rename rw done\nmove out refused\nremove outside refused\nremove rw done\n"
	if string(out) != want {
		t.Errorf("%s\nwant\n%s", out, want)
	}
}
