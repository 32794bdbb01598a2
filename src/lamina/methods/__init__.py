"""What makes a model learn: objectives and update rules, one paper a file."""

from lamina.core.registry import Registry

METHODS = Registry("method", {
    "supervised": "lamina.methods.supervised:Supervised",
    "transfer": "lamina.methods.transfer:Transfer",
    "segmentation": "lamina.methods.segmentation:Segmentation",
    "pseudo_label": "lamina.methods.pseudo_label:PseudoLabel",
    "detection": "lamina.methods.detection:Detection",
    "ppo": "lamina.methods.ppo:PPO",
    "a2c": "lamina.methods.a2c:A2C",
    "reinforce": "lamina.methods.reinforce:Reinforce",
    "preferences": "lamina.methods.preferences:Preferences",
    "dqn": "lamina.methods.dqn:DQN",
    "sac": "lamina.methods.sac:SAC",
    "alphazero": "lamina.methods.alphazero:AlphaZero",
    "gan": "lamina.methods.gan:GAN",
    "skipgram": "lamina.methods.skipgram:SKIPGRAM",
    "cbow": "lamina.methods.cbow:CBOW",
    "next_token": "lamina.methods.next_token:NextToken",
    "teacher_forcing": "lamina.methods.teacher_forcing:TeacherForcing",
})  # fmt: skip
