package config

type rawService struct {
	Name         string     `mapstructure:"name"`
	Systemd      string     `mapstructure:"systemd"`
	Start        []string   `mapstructure:"start"`
	Stop         []string   `mapstructure:"stop"`
	Ready        []string   `mapstructure:"ready"`
	Environment  []string   `mapstructure:"environment"`
	StartTimeout *duration  `mapstructure:"start_timeout"`
	StopTimeout  *duration  `mapstructure:"stop_timeout"`
	After        []string   `mapstructure:"after"`
	MaxRestarts  *int64     `mapstructure:"max_restarts"`
	Within       *duration  `mapstructure:"within"`
	Rules        []string   `mapstructure:"rules"`
	Process      rawProcess `mapstructure:"process"`
}

type rawProcess struct {
	PidFile string `mapstructure:"pid_file"`
	Name    string `mapstructure:"name"`
	Args    string `mapstructure:"args"`
}

type rawCheck struct {
	Name        string    `mapstructure:"name"`
	Type        string    `mapstructure:"type"`
	Interval    *duration `mapstructure:"interval"`
	Timeout     *duration `mapstructure:"timeout"`
	Jitter      *int64    `mapstructure:"jitter"` // percent
	Rise        *int64    `mapstructure:"rise"`
	Fall        *int64    `mapstructure:"fall"`
	Phase       *string   `mapstructure:"phase"`
	Action      *string   `mapstructure:"action"`
	Rules       []string  `mapstructure:"rules"`
	Services    []string  `mapstructure:"services"`
	MaxRestarts *int64    `mapstructure:"max_restarts"`
	Within      *duration `mapstructure:"within"`

	Target        string    `mapstructure:"target"`
	Targets       []string  `mapstructure:"targets"`
	Method        string    `mapstructure:"method"`
	Host          string    `mapstructure:"host"`
	Connect       string    `mapstructure:"connect"`
	Status        []any     `mapstructure:"status"`
	Body          string    `mapstructure:"body"`
	Headers       []string  `mapstructure:"headers"`
	CAFile        string    `mapstructure:"ca_file"`
	Verify        *bool     `mapstructure:"verify"`
	ExpiryWarning *duration `mapstructure:"expiry_warning"`
	StartTLS      string    `mapstructure:"starttls"`
	Send          string    `mapstructure:"send"`
	Expect        string    `mapstructure:"expect"`
	Agent         bool      `mapstructure:"agent"`
	PidFile       string    `mapstructure:"pid_file"`
	Process       string    `mapstructure:"process"`
	Args          string    `mapstructure:"args"`
	AtLeast       *int64    `mapstructure:"at_least"`
	AtMost        *int64    `mapstructure:"at_most"`
	Interface     string    `mapstructure:"interface"`
	MinSpeed      *int64    `mapstructure:"min_speed"`
	Query         string    `mapstructure:"query"`
	Record        string    `mapstructure:"record"`
	TCP           bool      `mapstructure:"tcp"`
	Command       []string  `mapstructure:"command"`
	Environment   []string  `mapstructure:"environment"`
	Unit          string    `mapstructure:"unit"`
}
