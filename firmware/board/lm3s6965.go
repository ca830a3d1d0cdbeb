//go:build lm3s6965

package main

import (
	"device/arm"
	"runtime/volatile"
	"time"
	"unsafe"

	"github.com/fob-auth/fob/firmware/fob/pages"
)

// The board is TI's (Luminary's) EK-LM3S6965 and QEMU's lm3s6965evb: a
// Cortex-M3 with 256 KiB of flash and 64 KiB of RAM, of which lm3s6965.ld gives
// the firmware 128 and 16. Line: UART0 (PA0, PA1), 115200 baud. Button: the
// select switch (PF1), low when pressed. Register names and numbers are those
// of the LM3S6965 data sheet (DS-LM3S6965-12746).
//
// It has no clock that outlives a loss of power, so the fob starts with its
// clock lost: it must be provisioned, or wiped and provisioned again.

// hertz is the processor's clock: 200 MHz of the PLL by 16. It is slow so that
// SysTick, which has 24 bits, can count a whole second.
const hertz = 12_500_000

const (
	sysctl   = 0x400FE000 // system control
	watchdog = 0x40000000
	portA    = 0x40004000
	portF    = 0x40025000
	uart0    = 0x4000C000
	timer0   = 0x40030000
	flashCtl = 0x400FD000
)

func reg(address uintptr) *volatile.Register32 {
	return (*volatile.Register32)(unsafe.Pointer(address))
}

// start sets clocks, pins and line.
func start() {
	startPLL()
	reg(sysctl + 0x100).SetBits(1 << 3)        // RCGC0: watchdog
	reg(sysctl + 0x104).SetBits(1<<16 | 1<<0)  // RCGC1: timer 0, UART0
	reg(sysctl + 0x108).SetBits(1<<5 | 1<<0)   // RCGC2: ports F and A
	reg(sysctl + 0x108).Get()                  // they need three cycles
	reg(sysctl + 0x140).Set(hertz / 1_000_000) // USECRL: how long the flash is written to

	reg(portF + 0x510).SetBits(1 << 1) // PUR: pull-up of the switch
	reg(portF + 0x51C).SetBits(1 << 1) // DEN

	reg(portA + 0x420).SetBits(3) // AFSEL: the UART's pins
	reg(portA + 0x51C).SetBits(3) // DEN
	reg(uart0 + 0x024).Set(6)     // IBRD: hertz/16/115200 = 6.78
	reg(uart0 + 0x028).Set(50)    // FBRD: 64ths
	reg(uart0 + 0x02C).Set(0x60)  // LCRH: 8 bits, no parity, 1 stop bit, no FIFO
	reg(uart0 + 0x038).Set(1 << 4)
	reg(uart0 + 0x030).Set(1<<9 | 1<<8 | 1<<0) // CTL: receive, transmit, on
	arm.EnableIRQ(irqUART0)

	reg(timer0 + 0x00C).Set(0)           // CTL: off
	reg(timer0 + 0x000).Set(0)           // CFG: one timer of 32 bits
	reg(timer0 + 0x004).Set(2)           // TAMR: periodic
	reg(timer0 + 0x028).Set(hertz / 100) // TAILR: 10 ms
	reg(timer0 + 0x018).Set(1)           // IMR: at its end
	reg(timer0 + 0x00C).Set(1)           // CTL: on
	arm.EnableIRQ(irqTimer0A)

	arm.SYST.SYST_RVR.Set(hertz - 1)
	arm.SYST.SYST_CVR.Set(0)
	arm.SYST.SYST_CSR.Set(arm.SYST_CSR_ENABLE | arm.SYST_CSR_TICKINT | arm.SYST_CSR_CLKSOURCE)
	for arm.SYST.SYST_CVR.Get() == 0 { // not loaded yet: it would look like a second's end
	}

	reg(watchdog + 0x000).Set(2 * hertz) // LOAD: resets at the second end, after 4 s
	reg(watchdog + 0x008).Set(3)         // CTL: reset, on
}

// startPLL takes the processor's clock from the 8 MHz crystal by way of the
// PLL (data sheet, 5.3, "Initialization and Configuration").
func startPLL() {
	rcc := reg(sysctl + 0x060)
	v := rcc.Get()
	v = v&^(1<<22) | 1<<11 // around the divider and the PLL
	rcc.Set(v)
	v = v&^(0x3C0|0x30|1<<13|1<<0) | 0xE<<6 // 8 MHz crystal, main oscillator, PLL on
	rcc.Set(v)
	v = v&^(0xF<<23) | 0xF<<23 | 1<<22 // by 16
	rcc.Set(v)
	for range 1 << 16 {
		if reg(sysctl + 0x050).HasBits(1 << 6) { // RIS: PLL locked
			break
		}
	}
	rcc.Set(v &^ (1 << 11))
}

// Interrupt numbers (data sheet, table 2-9); lm3s6965.s has their vectors.
const (
	irqUART0   = 5
	irqTimer0A = 19
)

// received holds bytes between the interrupt, which writes at head, and the
// loop, which reads at tail. A line that comes while a code is computed fits.
var received struct {
	bytes      [256]volatile.Register8
	head, tail volatile.Register8
}

//export UART0_Handler
func takeByte() {
	for !reg(uart0 + 0x018).HasBits(1 << 4) { // FR: receiver empty
		c := reg(uart0).Get()
		head := received.head.Get()
		if head+1 != received.tail.Get() { // else lost: the line's CRC tells
			received.bytes[head].Set(byte(c))
			received.head.Set(head + 1)
		}
	}
	reg(uart0 + 0x044).Set(1 << 4) // ICR
}

func receive(p []byte) int {
	n := 0
	tail := received.tail.Get()
	for n < len(p) && tail != received.head.Get() {
		p[n] = received.bytes[tail].Get()
		tail++
		n++
	}
	received.tail.Set(tail)
	return n
}

func transmit(p []byte) {
	for _, c := range p {
		for reg(uart0 + 0x018).HasBits(1 << 5) { // FR: transmitter full
		}
		reg(uart0).Set(uint32(c))
	}
}

func pressed() bool {
	return reg(portF+1<<1<<2).Get() == 0 // DATA, masked to pin 1
}

// idle stops the processor until an interrupt: a byte, or timer 0.
func idle() {
	mask := arm.DisableInterrupts()
	if received.head.Get() == received.tail.Get() {
		arm.Asm("wfi") // wakes though interrupts are held back
	}
	arm.EnableInterrupts(mask)
}

//export TIMER0A_Handler
func wake() {
	reg(timer0 + 0x024).Set(1) // ICR
}

// seconds since the start.
var seconds volatile.Register32

//export SysTick_Handler
func second() {
	seconds.Set(seconds.Get() + 1)
}

// A device is the fob's hardware on this board.
type device struct {
	latest  time.Duration // of the uptimes read
	set     bool
	seconds int64         // since the Unix epoch, what the clock was set to
	part    time.Duration // beyond them, less the uptime at that moment
	store   *pages.Store  // nil where the flash can't be written, as in QEMU
	record  []byte        // then this is all there is
}

func hardware() *device {
	d := &device{}
	d.store, _ = pages.Open(chipFlash{})
	return d
}

// Uptime counts SysTick's seconds, and the cycles of this one.
func (d *device) Uptime() time.Duration {
	whole, left := seconds.Get(), arm.SYST.SYST_CVR.Get()
	for whole != seconds.Get() { // it ended between the two
		whole, left = seconds.Get(), arm.SYST.SYST_CVR.Get()
	}
	const cycle = time.Second / hertz
	up := time.Duration(whole)*time.Second + time.Duration(hertz-1-left)*cycle
	// A second that ended may not be counted for an instruction or two.
	d.latest = max(d.latest, up)
	return d.latest
}

func (d *device) Now() time.Time { return time.Unix(d.seconds, int64(d.part+d.Uptime())) }

func (d *device) SetClock(t time.Time) error {
	d.seconds, d.part, d.set = t.Unix(), time.Duration(t.Nanosecond())-d.Uptime(), true
	return nil
}

func (d *device) ClockLost() bool { return !d.set }

// Kick puts the watchdog off.
func (d *device) Kick() { reg(watchdog + 0x00C).Set(1) } // ICR

func (d *device) Load() ([]byte, error) {
	if d.store != nil {
		return d.store.Load()
	}
	return d.record, nil
}

func (d *device) Store(record []byte) error {
	if d.store != nil {
		return d.store.Store(record)
	}
	clear(d.record)
	d.record = append([]byte(nil), record...)
	return nil
}

// chipFlash is the last two pages of the chip's flash (data sheet, 7.3).
type chipFlash struct{}

const (
	pageStart = 0x3F800
	pageSize  = 0x400
	pageUsed  = 256
	flashKey  = 0xA442 << 16
)

func (chipFlash) Size() int { return pageUsed }

func (chipFlash) Read(page int, p []byte) error {
	start := unsafe.Pointer(uintptr(pageStart + page*pageSize))
	for i := range p {
		p[i] = (*volatile.Register8)(unsafe.Add(start, i)).Get()
	}
	return nil
}

func (chipFlash) Erase(page int) error {
	reg(flashCtl + 0x000).Set(uint32(pageStart + page*pageSize)) // FMA
	return command(1 << 1)
}

func (chipFlash) Program(page int, p []byte) error {
	for i := 0; i+4 <= len(p); i += 4 {
		reg(flashCtl + 0x000).Set(uint32(pageStart + page*pageSize + i))
		reg(flashCtl + 0x004).Set(uint32(p[i]) | uint32(p[i+1])<<8 | uint32(p[i+2])<<16 | uint32(p[i+3])<<24) // FMD
		if err := command(1 << 0); err != nil {
			return err
		}
	}
	return nil
}

// command runs a command of the flash controller, for as long as it takes.
func command(bit uint32) error {
	fmc := reg(flashCtl + 0x008)
	fmc.Set(flashKey | bit)
	for range hertz {
		if !fmc.HasBits(bit) {
			return nil
		}
	}
	return pages.ErrFlash
}
