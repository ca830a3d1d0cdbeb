//go:build pcsc && cgo && linux

package main

// #include <stdint.h>
// #include <string.h>
//
// static char *keep(const void *text, size_t n) { return strndup(text, n); }
import "C"

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"unsafe"

	"github.com/fob-auth/fob/emulator/reader/ifd"
)

// What follows stands in for libudev, which pcscd asks for readers that come and
// go (pcsc-lite's hotplug_libudev.c), with those of the bench and no others:
// configuration files name readers that stay, and a YubiKey on USB is a reader
// that goes with it. pcscd only hands back the pointers that it gets from here;
// they are numbers, of which 0 is none.

// bus says which readers there are, once pcscd has asked for it.
var bus *ifd.Bus

//export udev_new
func udev_new() C.uintptr_t { return 1 }

//export udev_unref
func udev_unref(C.uintptr_t) C.uintptr_t { return 0 }

// An enumeration is empty: readers that are there are the monitor's first news.

//export udev_enumerate_new
func udev_enumerate_new(C.uintptr_t) C.uintptr_t { return 1 }

//export udev_enumerate_add_match_subsystem
func udev_enumerate_add_match_subsystem(C.uintptr_t, *C.char) C.int { return 0 }

//export udev_enumerate_scan_devices
func udev_enumerate_scan_devices(C.uintptr_t) C.int { return 0 }

//export udev_enumerate_get_list_entry
func udev_enumerate_get_list_entry(C.uintptr_t) C.uintptr_t { return 0 }

//export udev_enumerate_unref
func udev_enumerate_unref(C.uintptr_t) C.uintptr_t { return 0 }

//export udev_monitor_new_from_netlink
func udev_monitor_new_from_netlink(C.uintptr_t, *C.char) C.uintptr_t {
	b, err := ifd.DialBus(os.Getenv(ifd.BusVariable))
	if err != nil {
		return 0
	}
	bus = b
	return 1
}

//export udev_monitor_filter_add_match_subsystem_devtype
func udev_monitor_filter_add_match_subsystem_devtype(monitor C.uintptr_t, subsystem, devtype *C.char) C.int {
	return 0
}

//export udev_monitor_enable_receiving
func udev_monitor_enable_receiving(C.uintptr_t) C.int { return 0 }

//export udev_monitor_get_fd
func udev_monitor_get_fd(C.uintptr_t) C.int {
	fd, err := bus.Descriptor()
	if err != nil {
		return -1
	}
	return C.int(fd)
}

// A device is a change of the bus: the reader's number from 1, and in the lowest
// bit whether it came.

//export udev_monitor_receive_device
func udev_monitor_receive_device(C.uintptr_t) C.uintptr_t {
	c, err := bus.Next()
	if err != nil {
		select {} // the bench has ended, and pcscd ends with it
	}
	d := C.uintptr_t(c.Reader+1) << 1
	if c.Attached {
		d |= 1
	}
	return d
}

func reader(dev C.uintptr_t) int { return int(dev>>1) - 1 }

//export udev_device_get_action
func udev_device_get_action(dev C.uintptr_t) *C.char {
	if dev&1 == 1 {
		return text("add")
	}
	return text("remove")
}

// A reader is an interface of a device that is all the same.

//export udev_device_get_parent_with_subsystem_devtype
func udev_device_get_parent_with_subsystem_devtype(dev C.uintptr_t, subsystem, devtype *C.char) C.uintptr_t {
	return dev
}

//export udev_device_get_devnode
func udev_device_get_devnode(dev C.uintptr_t) *C.char {
	return text(ifd.ReaderPath(os.Getenv(ifd.BusVariable), reader(dev)))
}

//export udev_device_get_sysname
func udev_device_get_sysname(dev C.uintptr_t) *C.char { return text(strconv.Itoa(reader(dev))) }

// The driver's Info.plist knows readers by their numbers as products.

//export udev_device_get_sysattr_value
func udev_device_get_sysattr_value(dev C.uintptr_t, name *C.char) *C.char {
	switch C.GoString(name) {
	case "idVendor":
		return text(fmt.Sprintf("%04x", ifd.Vendor))
	case "idProduct":
		return text(fmt.Sprintf("%04x", reader(dev)))
	}
	return nil
}

//export udev_device_unref
func udev_device_unref(C.uintptr_t) C.uintptr_t { return 0 }

// texts are those that pcscd was told, which must stay where they are.
var texts sync.Map // of *C.char by string

func text(s string) *C.char {
	if t, ok := texts.Load(s); ok {
		return t.(*C.char)
	}
	kept := C.keep(unsafe.Pointer(unsafe.StringData(s)), C.size_t(len(s)))
	t, _ := texts.LoadOrStore(s, kept) // pcscd asks from one thread at a time
	return t.(*C.char)
}
