// Every text that people read, in one place for translation. What the daemon says
// (reasons, events, errors) comes in its own words.

export const T = {
  skip: 'To the content',
  product: 'Thresher',
  pages: { farm: 'Farm', rules: 'Rules and VIPs', health: 'Checks and services', events: 'Events', traffic: 'Traffic', config: 'Configuration' },
  nav: 'Pages',
  theme: { label: 'Theme', auto: 'Theme: system', dark: 'Theme: dark', light: 'Theme: light' },
  logout: 'Log out',
  asRole: (user, role) => `${user}, ${role}`,
  live: 'live',
  lost: (node, since) => `${node} has not answered for ${since} s. What you see is old. Trying again.`,
  others: 'Or open the console of',
  loading: 'Asking the farm …',
  never: 'never',
  none: '–',

  login: {
    by: (host) => `Log in by ${host}`,
    title: 'Log in', user: 'Name', password: 'Password', go: 'Log in', at: (node) => `to node ${node}`,
    hint: 'An admin lets people in with', command: 'thresher user add NAME --role admin',
    ended: 'The session has ended.',
  },

  setup: {
    title: 'Set up a farm', about: 'This machine becomes the first node. Nothing is written before you have seen it.',
    empty: (what) => `Empty for ${what}.`, look: 'Look at the configuration', text: 'Configuration', files: 'Files:', write: 'Write it', back: 'Change the answers',
    done: 'This machine is set up', next: 'What comes next, on this machine’s terminal:', close: 'You can close this page.',
  },

  states: {
    stopped: 'stopped', starting: 'starting', waiting: 'waiting', up: 'up', draining: 'draining', unreachable: 'unreachable', busy: 'does not answer',
  },

  farm: {
    title: 'Farm', summary: 'Summary', ring: 'Buckets', ringOf: 'of rule', nodes: 'Nodes',
    nodesUp: 'nodes up', of: (a, b) => `${a} of ${b}`, accepted: 'packets/s accepted', opened: 'connections/s', connections: 'connections',
    views: 'agreement', agree: 'one view', configDiffers: 'other rules', differ: (n) => `${n} views`, settled: 'settled', moving: 'buckets move', asks: 'buckets',
    ringLabel: (rule, parts) => `Buckets of rule ${rule}: ${parts}.`,
    unsettled: (n) => `${n} unsettled`,
    share: 'Share', perSecond: '/s', acceptedShort: 'accepted', rejectedShort: 'rejected', openedShort: 'connections', flows: 'connections', lease: 'lease', ms: 'ms', newFlows: 'no new connections',
    sameView: 'settled', notSettled: 'unsettled', serving: 'this page',
    drains: 'Stops when the last connection has ended', drainsBy: (at) => `Stops by ${at}, or when the last connection has ended`,
    problem: 'No status', packets: 'packets/s in the last minute and a half',
    allNodes: 'All nodes',
    behind: 'no VIP: a balancer in front picks the node', nobody: 'Serves nobody', fenced: 'Lets nothing new in',
  },

  actions: { start: 'Start', drain: 'Drain', stop: 'Stop', restart: 'Restart' },
  confirm: {
    title: { start: (n) => `Start ${n}?`, drain: (n) => `Drain ${n}?`, stop: (n) => `Stop ${n}?`, restart: (n) => `Restart ${n}?` },
    all: 'all nodes',
    cancel: 'Cancel',
    start: (n) => [`${n} takes its share of new connections back as soon as the others have confirmed it.`, 'Connections that are open stay where they are.'],
    drain: (n, flows, others) => [
      `New connections go to ${others} at once.`,
      flows > 0 ? `The ${flows} connections that are open on ${n} go on; it stops when the last has ended.` : `No connection is open on ${n}, so it stops at once.`,
    ],
    stop: (n, flows, others) => [
      `New connections go to ${others} at once.`,
      flows > 0 ? `The ${flows} connections that are open on ${n} are no longer known to the farm and may break. Drain it instead to let them end.` : `No connection is open on ${n}.`,
    ],
    restart: (n) => [`The daemon of ${n} is run anew with the program and the configuration that are there by now.`, 'No connection is lost and no bucket moves. If the new program refuses the configuration, nothing happens.'],
    behind: (n) => [`The health URL of ${n} tells the balancer in front to send it nothing more; then its services are stopped.`],
    alone: 'No other node is up: the VIPs are not served meanwhile.',
    allStart: ['Every node that is stopped or draining takes its share back.'],
    allDrain: ['No node lets new connections in: the VIPs are not served to new clients.', 'Connections that are open go on.'],
    allStop: ['The whole farm stops serving. Connections that are open may break.'],
    allRestart: ['The nodes are restarted one after the other; the first that fails ends it.', 'No connection is lost.'],
    deadline: 'Stop at the latest', deadlines: { 0: 'when the last connection has ended', 60000: 'after 1 minute', 600000: 'after 10 minutes', 3600000: 'after 1 hour' },
  },
  done: { start: (n) => `${n}: started`, drain: (n) => `${n}: drains`, stop: (n) => `${n}: stopped`, restart: (n) => `${n}: restarted` },
  failed: (n, why) => `${n}: not done. ${why}`,

  rules: {
    rules: 'Rules', rule: 'Rule', serves: 'Serves', by: (affinity) => `by ${affinity}`, shares: 'Shares', connections: 'Connections', unsettled: 'Unsettled', sticky: 'Sticky', buckets: 'Buckets',
    vips: 'VIPs', vip: 'VIP', mac: 'Shared MAC', mode: 'Mode', responder: 'Answers ARP', nobody: 'nobody', conflicts: 'Conflicts',
    noConflict: 'none', conflict: (mac, when) => `${mac} claimed it ${when}`,
    where: 'Where does a client go?', client: 'Client address', port: 'Port', any: 'any', ask: 'Find out',
    whereAnswer: (node, bucket, rule) => `${node} serves it, by bucket ${bucket} of rule ${rule}.`,
    whereSticky: (node, bucket, rule) => `${node} keeps it by stickiness, though bucket ${bucket} of rule ${rule} is another node's.`,
    whereNobody: (bucket, rule) => `No node serves bucket ${bucket} of rule ${rule} now.`,
    empty: 'The configuration has no rules.',
    behind: 'This farm has no VIP and no rules: a balancer in front picks the node, as the health URLs say.',
  },

  health: {
    checks: 'Checks', services: 'Services', restarts: (n) => `${n} restarts`, upOf: (up, all) => `${up} of ${all} up`,
    down: (times, minutes) => `down ${times === 1 ? 'once' : times + ' times'} in the last hour, ${minutes} min in all`, neverDown: 'never down in the last hour, as far as is known',
    noChecks: 'The configuration has no checks: a node counts as healthy as long as its daemon runs.',
    noServices: 'The configuration has no services: what serves the clients is started by something else.',
    strips: 'Each strip is the last hour; its right end is now.',
    history: 'What happened', noHistory: 'No check and no service has changed since the daemons started.',
  },

  warnings: {
    title: 'What needs a look', more: (n) => `and ${n} more`,
    several: (n, first) => `${n} nodes (${first}, …)`,
    allStopped: 'All nodes are stopped: nobody serves',
    nobodyServes: (someLost) => (someLost ? 'No node that can be reached from here serves' : 'All nodes wait: nobody serves'),
    notUp: (on, state, why) => `Not up but ${state}: ${on}${why ? ': ' + why : ''}`,
    down: (kind, name, on, why) => `${kind[0].toUpperCase() + kind.slice(1)} ${name} is down on ${on}${why ? ': ' + why : ''}`,
    warned: (kind, name, on, why) => `${kind[0].toUpperCase() + kind.slice(1)} ${name} warns on ${on}${why ? ': ' + why : ''}`,
    conflict: (vip, mac, when) => `Another machine, ${mac}, claims the VIP ${vip} (last ${when})`,
    gossip: (node, what) => `${node} hears on the wire but not by gossip: ${what}`,
    network: (node, what) => `${node} does not hear on one heartbeat network: ${what}`,
    leases: (each) => `Leases differ: ${each}; the longest is how long a lost node is waited for (cluster.profile)`,
    joinList: (node, named, all, missing) => `cluster.join of ${node} names ${named} of ${all} nodes: add ${missing}, and reload`,
    fenced: (on, why) => `Nothing new is let in on ${on}: ${why}`,
    suspended: (on) => `Checks do not count on ${on}, for maintenance (thresher resume)`,
    cordoned: (on) => `Cordoned: ${on}; out over boots and starts (thresher uncordon)`,
    keys: 'The gossip key is being changed: two keys are believed (thresher key rotate --status)',
  },

  events: {
    node: 'Node', level: 'Level', kind: 'Kind', search: 'Search', time: 'Time', message: 'Message', all: 'all',
    levels: { info: 'info and worse', warn: 'warnings and worse', error: 'errors' },
    follow: 'Follow', export: 'Export', empty: 'No event matches.', count: (n, all) => `${n} of ${all} events`,
  },

  config: {
    of: 'File of', all: 'Change every node', check: 'Validate', apply: 'Apply', again: 'Read again', undo: 'Go back now',
    text: 'Text', file: (node, file) => `${file} on ${node}`,
    allHelp: 'Every node gets vips, rules and default as they are here, and what you change in services and checks; a rule\u2019s weight, priority and nodes only if they are what you change. The rest of the text is this node\u2019s own.',
    oneHelp: 'Only this node\u2019s file changes. VIPs and rules must be alike on all nodes, but for weights and priorities.',
    outcome: 'What comes of it', nothing: 'Validate has every node say what it would do. Apply has them try it: unless the farm is well in time, each node goes back by itself.',
    refused: 'Not every node can take this. Nothing has changed.',
    action: { nothing: 'Nothing changes.', weights: 'Takes effect at once; no connection is lost.', restart: 'Takes effect by a restart in place; no connection is lost.' },
    diff: (node) => `How the text of ${node} changes`,
    trial: { running: 'On trial.', good: 'On trial; this node is well.', kept: 'Kept: the farm is well with it.', undone: 'Gone back to the text before.' },
    left: (s, at) => `${s} s left, until ${at}.`,
    keys: 'Keys', find: 'Find a key or a word', noKey: 'No key matches.', about: 'Put the cursor on a key to see what it is for.', oneOf: 'one of', byDefault: (v) => `default ${v}`,
  },

  traffic: {
    node: 'Node', fate: 'Packets for the VIPs, per second', reasons: 'Why packets were dropped or parked, per second', top: 'What became of the packets', reason: 'Reason', meaning: 'Meaning', rate: 'Now', peak: 'Peak', share: 'Part',
    empty: 'The node writes the traffic down every 5 s since its daemon started. Come back in a moment.',
    series: { accepted: 'accepted', rejected: 'rejected', asked: 'seen by the pipeline', opened: 'open a connection' },
  },

  // What became of a packet, by the counter's name.
  reasons: {
    accepted: 'of a rule, in a bucket of this node', accepted_known: 'of a connection that this node has', accepted_sticky: 'of a client that this node keeps',
    accepted_echo: 'a ping in a bucket of this node', accepted_icmp_error: 'an ICMP error', accepted_neighbour: 'ARP sent to the shared address',
    parked: 'held until its bucket was confirmed', parked_sticky: 'held until it was known who keeps its client',
    not_mine: 'in a bucket of another node, which takes it: the everyday drop', not_serving: 'came while this node serves nothing',
    not_vip: 'sent to the shared MAC for another address', no_rule: 'for a VIP, but no rule has its port', malformed: 'its headers contradict themselves',
    fragment: 'a part of a fragmented packet', other_protocol: 'of a protocol that rules cannot name', other_icmp: 'an ICMP message that is neither ping nor error',
    martian: 'from an address that no client can have', port_zero: 'from or to port 0', fenced: 'came while the lease was over',
    unknown_flow: 'of a connection that another node may have', half_open_elsewhere: 'another node has answered it already',
    late: 'waited too long to be judged', park_full: 'there was no room to hold it', sticky_elsewhere: 'of a client that another node keeps', no_reader: 'nobody read the socket', too_long: 'too long to be held',
  },
};
