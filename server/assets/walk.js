// The calibration walk's page, kept true.

import { keepTrue } from "./parts.js";

keepTrue("walk", "#walk");
