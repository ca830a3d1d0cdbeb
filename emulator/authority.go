package emulator

import (
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/fob-auth/fob/emulator/api"
	"github.com/fob-auth/fob/firmware/piv"
)

// AttestationRoot is the certificate (DER) under which the bench's YubiKeys
// attest their keys, in place of Yubico's. Who trusts it takes the bench's
// tokens for real ones. It is nil for a bench without YubiKeys.
func (b *Bench) AttestationRoot() []byte {
	if b.authority == nil {
		return nil
	}
	return b.authority.Certificate()
}

// openAuthority makes the authority of a bench: a new one, or where the bench
// file names a certificate the one that was kept beside it. A bench without
// YubiKeys has none.
func openAuthority(f *File, o Options) (*piv.Authority, error) {
	if !slices.ContainsFunc(f.Tokens, func(s Spec) bool { return s.Kind == api.YubiKey }) {
		return nil, nil
	}
	path := f.AttestationRoot
	if path == "" {
		return newAuthority(o)
	}
	kept, err := os.ReadFile(keyPath(path))
	if errors.Is(err, fs.ErrNotExist) {
		return keepAuthority(path, o)
	}
	if err != nil {
		return nil, fmt.Errorf("attestation_root: %w", err)
	}
	a, err := piv.ParseAuthority(kept)
	if err != nil {
		return nil, fmt.Errorf("attestation_root: %s: %w", keyPath(path), err)
	}
	return a, writeCertificate(path, a)
}

// keyPath is where an authority is kept whose certificate is at path.
func keyPath(path string) string { return path + ".key" }

func newAuthority(o Options) (*piv.Authority, error) {
	a, err := piv.NewAuthority(&board{storage: &storage{}, random: o.Random, now: o.Now})
	if err != nil {
		return nil, fmt.Errorf("attestation authority: %w", err)
	}
	return a, nil
}

// keepAuthority makes an authority and keeps it.
func keepAuthority(path string, o Options) (*piv.Authority, error) {
	a, err := newAuthority(o)
	if err != nil {
		return nil, err
	}
	kept, err := a.Bytes()
	if err == nil {
		err = writeFile(keyPath(path), kept)
	}
	if err != nil {
		return nil, fmt.Errorf("attestation_root: %w", err)
	}
	return a, writeCertificate(path, a)
}

// writeCertificate writes an authority's certificate (PEM), for clients.
func writeCertificate(path string, a *piv.Authority) error {
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Certificate()})
	if err := writeFile(path, text); err != nil {
		return fmt.Errorf("attestation_root: %w", err)
	}
	return nil
}
