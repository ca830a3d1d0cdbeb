package config

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"
)

// Settings are what is settled outside fob.yaml: by flags, else by the
// environment, else by default. All paths are absolute.
type Settings struct {
	// File is fob.yaml: --config, else fob/fob.yaml in XDG_CONFIG_HOME.
	File string
	// LogFormat is --log-format as it stands, else text.
	LogFormat string
	// StateDir is fob in XDG_STATE_HOME, DataDir fob in XDG_DATA_HOME.
	StateDir, DataDir string
	// AWSConfig and AWSCredentials are the AWS tools' own files:
	// AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE, else those in ~/.aws.
	AWSConfig, AWSCredentials string
	// Bus is the address of the session's D-Bus: DBUS_SESSION_BUS_ADDRESS, else
	// that of the bus in XDG_RUNTIME_DIR; "" for none.
	Bus string
}

// The keys of the settings. There are no others: of the environment the agent
// reads these variables alone, and never an endpoint or a proxy.
const (
	keyFile           = "config"
	keyLogFormat      = "log-format"
	keyConfigHome     = "xdg.config_home"
	keyStateHome      = "xdg.state_home"
	keyDataHome       = "xdg.data_home"
	keyAWSConfig      = "aws.config_file"
	keyAWSCredentials = "aws.shared_credentials_file"
	keyRuntimeDir     = "xdg.runtime_dir"
	keyBus            = "dbus.session_bus_address"
)

// Flags declares the flags that Settle reads.
func Flags(flags *pflag.FlagSet) {
	flags.String(keyFile, "", "configuration file (default fob/fob.yaml in XDG_CONFIG_HOME)")
	flags.String(keyLogFormat, "text", "log format: text or json")
}

// Settle layers flags over environment over defaults.
func Settle(flags *pflag.FlagSet) (Settings, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return Settings{}, fmt.Errorf("home folder: %w", err)
	}
	v := viper.New()
	for _, layer := range []struct {
		key, env string
		xdg      bool
		standard string
	}{
		{keyConfigHome, "XDG_CONFIG_HOME", true, filepath.Join(home, ".config")},
		{keyStateHome, "XDG_STATE_HOME", true, filepath.Join(home, ".local", "state")},
		{keyDataHome, "XDG_DATA_HOME", true, filepath.Join(home, ".local", "share")},
		{keyRuntimeDir, "XDG_RUNTIME_DIR", true, ""},
		{keyBus, "DBUS_SESSION_BUS_ADDRESS", false, ""},
		{keyAWSConfig, "AWS_CONFIG_FILE", false, filepath.Join(home, ".aws", "config")},
		{keyAWSCredentials, "AWS_SHARED_CREDENTIALS_FILE", false, filepath.Join(home, ".aws", "credentials")},
	} {
		v.SetDefault(layer.key, layer.standard)
		if layer.xdg && !filepath.IsAbs(os.Getenv(layer.env)) {
			continue // XDG Base Directory Specification: such a path is ignored
		}
		if err := v.BindEnv(layer.key, layer.env); err != nil {
			return Settings{}, fmt.Errorf("setting %s: %w", layer.key, err)
		}
	}
	for _, key := range []string{keyFile, keyLogFormat} {
		if err := v.BindPFlag(key, flags.Lookup(key)); err != nil {
			return Settings{}, fmt.Errorf("flag --%s: %w", key, err)
		}
	}
	return settled(v)
}

// settled reads the layers and makes the paths absolute.
func settled(v *viper.Viper) (Settings, error) {
	s := Settings{
		File:           v.GetString(keyFile),
		LogFormat:      v.GetString(keyLogFormat),
		StateDir:       filepath.Join(v.GetString(keyStateHome), "fob"),
		DataDir:        filepath.Join(v.GetString(keyDataHome), "fob"),
		AWSConfig:      v.GetString(keyAWSConfig),
		AWSCredentials: v.GetString(keyAWSCredentials),
		Bus:            v.GetString(keyBus),
	}
	if dir := v.GetString(keyRuntimeDir); s.Bus == "" && dir != "" {
		s.Bus = "unix:path=" + filepath.Join(dir, "bus") // systemd's dbus.socket of the user
	}
	if s.File == "" {
		s.File = filepath.Join(v.GetString(keyConfigHome), "fob", "fob.yaml")
	}
	for _, path := range []*string{&s.File, &s.AWSConfig, &s.AWSCredentials} {
		abs, err := filepath.Abs(*path)
		if err != nil {
			return Settings{}, fmt.Errorf("path %s: %w", *path, err)
		}
		*path = abs
	}
	return s, nil
}
