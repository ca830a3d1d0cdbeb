package api

import "time"

// The routes of the agent's own store of long-term keys.
const (
	PathKeys       = "/v1/keys"        // GET: KeyStore
	PathKeysImport = "/v1/keys/import" // POST KeysImportRequest: ImportedKeys
	PathKeysRotate = "/v1/keys/rotate" // POST KeysRotateRequest: RotatedKeys
	PathKeysUnlock = "/v1/keys/unlock" // POST KeysUnlockRequest: KeyStore
)

// What seals a store of keys.
const (
	KeyStoreNone          = "none"
	KeyStorePassphrase    = "passphrase"
	KeyStoreSecretService = "secret-service"
)

// KeyStore is what the agent knows of long-term keys: its store, and where the
// keys of fob's profiles are.
type KeyStore struct {
	Sealed string `json:"sealed" enum:"none,passphrase,secret-service" doc:"What seals the store; none where there is no store yet."`
	Locked bool   `json:"locked"`
	// NeedsPassphrase says that to begin a store, or to unlock this one, a
	// passphrase is needed.
	NeedsPassphrase bool       `json:"needs_passphrase"`
	Keys            []KeyPlace `json:"keys" nullable:"false"`
}

// A KeyPlace is where a profile's long-term access key is.
type KeyPlace struct {
	Profile     string `json:"profile" doc:"The profile that holds the key."`
	AccessKeyID string `json:"access_key_id"`
	// File is the AWS file; empty for the agent's store.
	File     string    `json:"file,omitempty" doc:"The AWS file it stands in; empty for the agent's own store."`
	Imported time.Time `json:"imported,omitzero"`
}

// KeysImportRequest moves a profile's long-term keys into the agent's store.
type KeysImportRequest struct {
	Profile string `json:"profile" minLength:"1" maxLength:"256"`
	// Passphrase begins or unlocks the store.
	Passphrase string `json:"passphrase,omitempty" maxLength:"1024"`
	// Remove takes the keys out of the AWS file, once the store has them.
	Remove bool `json:"remove,omitempty" doc:"Take the keys out of the AWS file, of which no copy is left."`
}

// ImportedKeys are in the agent's store, proved by AWS.
type ImportedKeys struct {
	Profile     string `json:"profile"`
	AccessKeyID string `json:"access_key_id"`
	ARN         string `json:"arn" doc:"Whose the key is, as AWS says."`
	File        string `json:"file" doc:"The AWS file it came from."`
	Removed     bool   `json:"removed" doc:"The key doesn't stand in the file any more."`
}

// KeysRotateRequest replaces a profile's access key by a new one.
type KeysRotateRequest struct {
	Profile string `json:"profile" minLength:"1" maxLength:"256"`
}

// RotatedKeys tells of an access key that took another's place.
type RotatedKeys struct {
	Profile string `json:"profile" doc:"The profile that holds the key."`
	Old     string `json:"old" doc:"The key that was deleted."`
	New     string `json:"new"`
	File    string `json:"file,omitempty" doc:"The AWS file it stands in; empty for the agent's own store."`
	Resumed bool   `json:"resumed" doc:"An earlier run had begun it."`
}

// KeysUnlockRequest unlocks the store.
type KeysUnlockRequest struct {
	Passphrase string `json:"passphrase" minLength:"1" maxLength:"1024"`
}
