sh: 1: /tmp/lockstep-lab-1vrp54_m/node15/progress: not found
