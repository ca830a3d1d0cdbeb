//go:build linux || darwin

package cmd_test

import (
	"bufio"
	"bytes"
	"encoding/base32"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/creack/pty"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"golang.org/x/term"
)

// gadgets is a program that is three made-up serial gadgets, at DIR/plain,
// DIR/told and DIR/press: a plain one, one that is sent the time with the
// question, and one that answers after a press, of which there are five a
// second. Their clocks are 45 s slow, and at each SIGHUP 30 s less.
func gadgets() int {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gadgets DIR")
		return 2
	}
	dir := os.Args[1]
	var offset atomic.Int64
	offset.Store(-45)
	clock := func() int64 { return time.Now().Unix() + offset.Load() }
	for name, answer := range map[string]func(string) string{
		"plain": func(q string) string { return plainGadget(q, clock()) },
		"told":  toldGadget,
		"press": nil,
	} {
		line, err := gadgetLine(filepath.Join(dir, name))
		if err != nil {
			fmt.Fprintln(os.Stderr, "gadgets:", err)
			return 1
		}
		if answer == nil {
			go pressGadget(line, clock)
			continue
		}
		go answerLine(line, answer)
	}
	turns, end := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(turns, syscall.SIGHUP)
	signal.Notify(end, syscall.SIGTERM, os.Interrupt)
	fmt.Println("gadgets: ready", dir)
	for {
		select {
		case <-turns:
			offset.Add(30)
			fmt.Fprintln(os.Stderr, "gadgets: the clocks were turned")
		case <-end:
			return 0
		}
	}
}

// gadgetLine is the gadget's end of a PTY whose other end is at the path.
func gadgetLine(path string) (*os.File, error) {
	master, slave, err := pty.Open() // the slave stays open, so that the line isn't hung up
	if err != nil {
		return nil, err
	}
	if _, err := term.MakeRaw(int(slave.Fd())); err != nil {
		return nil, err
	}
	return master, os.Symlink(slave.Name(), path)
}

// answerLine answers the questions of a line.
func answerLine(line *os.File, answer func(string) string) {
	questions := bufio.NewScanner(line)
	questions.Split(func(data []byte, _ bool) (int, []byte, error) {
		i := bytes.IndexAny(data, "\r\n")
		return i + 1, data[:max(i, 0)], nil
	})
	for questions.Scan() {
		fmt.Fprintf(line, "%s\r\n", answer(questions.Text()))
	}
}

func plainGadget(question string, clock int64) string {
	switch question {
	case "ID?":
		return "SN=GAHT00000001"
	case "OTP?":
		code := gadgetCode("plain", clock)
		return "OTP " + code[:3] + " " + code[3:]
	case "T?":
		return fmt.Sprintf("T=%d", clock)
	}
	return "what?"
}

func toldGadget(question string) string {
	at, told := strings.CutPrefix(question, "code ")
	unix, err := strconv.ParseInt(at, 10, 64)
	switch {
	case question == "who":
		return "I am GAHT00000002."
	case !told || err != nil:
		return "what?"
	}
	return gadgetCode("told", unix)
}

// pressGadget is pressed again and again: a question comes at any time.
func pressGadget(line *os.File, clock func() int64) {
	for range time.Tick(200 * time.Millisecond) {
		at := clock()
		fmt.Fprintf(line, "{\"at\":%d,\"code\":\"%s\"}\r\n", at, gadgetCode("press", at))
	}
}

// gadgetCode is a code of a gadget, whose seed is its name, again and again.
func gadgetCode(name string, unix int64) string {
	seed := base32.StdEncoding.EncodeToString([]byte(strings.Repeat(name, 5)[:20]))
	code, err := hotp.GenerateCodeCustom(seed, uint64(unix)/30, hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
	if err != nil {
		return err.Error()
	}
	return code
}
