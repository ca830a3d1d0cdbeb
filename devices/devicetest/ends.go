package devicetest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/fob-auth/fob/devices"
)

// An expiring context has a deadline that passes when the test says so.
type expiring struct {
	context.Context
	done chan struct{}
}

func (e *expiring) Done() <-chan struct{} { return e.done }

func (e *expiring) Err() error {
	select {
	case <-e.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// testCancelledBefore: a call whose context has ended does nothing, and harms
// nothing.
func testCancelledBefore(t *testing.T, b *bound) {
	slot := b.await(true)
	ctx, cancel := context.WithCancel(b.ctx)
	cancel()
	token, err := b.Driver.Open(ctx, slot)
	b.failed(err, context.Canceled)
	if token != nil {
		t.Fatal("a token came with the error")
	}
	token = b.openSlot(slot)
	coder := b.coder(token)
	_, err = coder.Credentials(ctx)
	b.failed(err, context.Canceled)
	for _, a := range b.Accounts {
		_, err = coder.Code(ctx, a.ID, b.Now)
		b.failed(err, context.Canceled)
	}
	if clock, ok := token.(devices.Clock); ok {
		_, err = clock.Time(ctx)
		b.failed(err, context.Canceled)
	}
	if writer, ok := token.(devices.Writer); ok {
		b.failed(writer.Put(ctx, writes()[0]), context.Canceled)
		b.failed(writer.Delete(ctx, b.Accounts[0].ID), context.Canceled)
	}
	a := *b.account(isTOTP)
	b.check(a, b.code(coder, a, b.Now))
}

func testCloseTwice(t *testing.T, b *bound) {
	slot := b.await(true)
	token := b.openSlot(slot)
	for range 2 {
		if err := token.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	coder := b.coder(token)
	_, err := coder.Credentials(b.ctx)
	b.failed(err, devices.ErrRemoved)
	_, err = coder.Code(b.ctx, b.Accounts[0].ID, b.Now)
	if !isHOTP(b.Accounts[0]) {
		b.failed(err, devices.ErrRemoved)
	}
	again := b.coder(b.openSlot(slot))
	a := *b.account(isTOTP)
	b.check(a, b.code(again, a, b.Now))
}

// testCloseDuringCalls closes the token from other goroutines while its owner
// calls it: each call ends, with an answer or as on a token that is gone.
func testCloseDuringCalls(t *testing.T, b *bound) {
	token := b.open()
	coder := b.coder(token)
	if _, err := coder.Credentials(b.ctx); err != nil {
		t.Fatal(err)
	}
	var closers sync.WaitGroup
	begin := make(chan struct{})
	for range 4 {
		closers.Go(func() {
			<-begin
			if err := token.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
	for i := 0; ; i++ {
		if i == 1 {
			close(begin)
		}
		if _, err := coder.Credentials(b.ctx); err != nil {
			b.failed(err, devices.ErrRemoved)
			break
		}
	}
	closers.Wait()
}

// during starts a call for a code and returns once the token waits for its
// button.
func (b *bound) during(ctx context.Context, coder devices.Coder, a Account) <-chan error {
	b.t.Helper()
	result := make(chan error, 1)
	go func() {
		code, err := coder.Code(ctx, a.ID, b.Now)
		if err == nil {
			err = errors.New("a code came: " + code.Start().String())
		}
		result <- err
	}()
	if err := b.Waiting(b.ctx); err != nil {
		b.t.Fatalf("the token doesn't wait for its button: %v", err)
	}
	return result
}

// testDeadlineDuringTouch: a call that was given up is over at once, and its
// answer is nobody else's, whenever the button is pressed.
func testDeadlineDuringTouch(t *testing.T, b *bound) {
	slot := b.await(true)
	token := b.openSlot(slot)
	coder := b.coder(token)
	a := *b.account(isTouch)
	late := &expiring{b.ctx, make(chan struct{})}
	result := b.during(late, coder, a)
	close(late.done)
	b.failed(<-result, context.DeadlineExceeded)

	ctx, cancel := context.WithCancel(b.ctx)
	coder = b.usable(slot, token)
	result = b.during(ctx, coder, a)
	cancel()
	b.failed(<-result, context.Canceled)

	coder = b.usable(slot, coder.(devices.Token))
	b.check(a, b.code(coder, a, b.Now.Add(3*a.Period)))
}

// usable is the token itself where it still works after a call that was given
// up, or one that is opened anew where it says that it is gone.
func (b *bound) usable(slot devices.Slot, token devices.Token) devices.Coder {
	b.t.Helper()
	coder := b.coder(token)
	_, err := coder.Credentials(b.ctx)
	if err == nil {
		return coder
	}
	b.failed(err, devices.ErrRemoved)
	token.Close()
	return b.coder(b.openSlot(slot))
}

func testCloseDuringTouch(t *testing.T, b *bound) {
	slot := b.await(true)
	token := b.openSlot(slot)
	a := *b.account(isTouch)
	result := b.during(b.ctx, b.coder(token), a)
	if err := token.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	b.failed(<-result, devices.ErrRemoved)
	b.check(a, b.code(b.coder(b.openSlot(slot)), a, b.Now))
}

func testNoTouch(t *testing.T, b *bound) {
	coder := b.coder(b.open())
	a := *b.account(isTouch)
	result := b.during(b.ctx, coder, a)
	b.GiveUp()
	b.failed(<-result, devices.ErrNoTouch)
	b.check(a, b.code(coder, a, b.Now))
}

func testRemovedDuringTouch(t *testing.T, b *bound) {
	slot := b.await(true)
	token := b.openSlot(slot)
	coder := b.coder(token)
	result := b.during(b.ctx, coder, *b.account(isTouch))
	b.Unplug()
	b.failed(<-result, devices.ErrRemoved)
	b.await(false)
	_, err := coder.Credentials(b.ctx)
	b.failed(err, devices.ErrRemoved)
	_, err = b.Driver.Open(b.ctx, slot)
	b.failed(err, devices.ErrRemoved)
}

// testReplug: a token that was taken out and put back is told apart from one
// that stayed, the old handle stays dead and a new one works.
func testReplug(t *testing.T, b *bound) {
	slot := b.await(true)
	token := b.openSlot(slot)
	if _, err := b.coder(token).Credentials(b.ctx); err != nil {
		t.Fatal(err)
	}
	b.Unplug()
	b.await(false)
	b.Plug()
	back := b.await(true)
	if back.Path != slot.Path {
		t.Errorf("the token came back at %s, it was at %s", back.Path, slot.Path)
	}
	_, err := b.coder(token).Credentials(b.ctx)
	b.failed(err, devices.ErrRemoved)
	if err := token.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	coder := b.coder(b.openSlot(back))
	a := *b.account(isTOTP)
	b.check(a, b.code(coder, a, b.Now))
}

// testQuickReplug: the driver notices a token that was out between two looks.
func testQuickReplug(t *testing.T, b *bound) {
	slot := b.await(true)
	b.Unplug()
	b.Plug()
	for {
		select {
		case set := <-b.sets:
			if len(set) == 0 || set[0] != slot { // seen missing, or another generation
				return
			}
		case <-b.ctx.Done():
			t.Fatal("the driver noticed nothing")
		}
	}
}
