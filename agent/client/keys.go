package client

import (
	"context"

	"github.com/fob-auth/fob/agent/api"
)

// Keys says where long-term keys are.
func (c *Client) Keys(ctx context.Context) (api.KeyStore, error) {
	return get[api.KeyStore](ctx, c, api.PathKeys)
}

// ImportKeys moves a profile's long-term keys into the agent's store.
func (c *Client) ImportKeys(ctx context.Context, req api.KeysImportRequest) (api.ImportedKeys, error) {
	return post[api.ImportedKeys](ctx, c, api.PathKeysImport, req)
}

// RotateKeys replaces a profile's access key by a new one. It may wait for a
// touch, and for AWS to know the new key.
func (c *Client) RotateKeys(ctx context.Context, req api.KeysRotateRequest) (api.RotatedKeys, error) {
	return post[api.RotatedKeys](ctx, c, api.PathKeysRotate, req)
}

// UnlockKeys unlocks the agent's store of long-term keys.
func (c *Client) UnlockKeys(ctx context.Context, req api.KeysUnlockRequest) (api.KeyStore, error) {
	return post[api.KeyStore](ctx, c, api.PathKeysUnlock, req)
}
